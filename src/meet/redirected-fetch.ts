/**
 * A fetch that sends everything meant for Google's hosts to another root, under Google's paths. The client libraries let
 * one choose the root of an API but not the token endpoint, so the redirection sits below both.
 * @param rootUrl for example `http://127.0.0.1:4010`
 * @throws TypeError when `rootUrl` is no URL
 */
export function redirectedFetch(rootUrl: string, through: typeof fetch = fetch): typeof fetch {
  const root = new URL(rootUrl);
  const base = root.pathname.replace(/\/$/, '');
  return (input, init) => {
    const asked = new URL(input instanceof Request ? input.url : input);
    const target = new URL(`${base}${asked.pathname}${asked.search}`, root.origin);
    return input instanceof Request ? through(new Request(target, input), init) : through(target, init);
  };
}
