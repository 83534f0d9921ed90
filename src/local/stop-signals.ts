const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Aborts with the first signal that asks this process to end, so that everything can stop in its order. A second one
 * ends it at once; the guard then ends what is left.
 */
export function stopSignals(): AbortSignal {
  const controller = new AbortController();
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(new Error(`Stopped by ${signal}.`));
    });
  }
  return controller.signal;
}
