FROM node:24.21.0-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# What `npm ci` mends in its packages (docs/decisions/008).
COPY patches ./patches
RUN npm ci --omit=dev

FROM node:24.21.0-slim
# The worker's core, which is not Node, looks for the system's certificates when it goes to Temporal over TLS.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
# Bounds the young generation, which keeps what loading the modules made it grow to; where it begins must be said to each.
ENV NODE_OPTIONS=--max-semi-space-size=16
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json server.ts worker.ts ./
COPY workflows ./workflows
COPY activities ./activities
COPY drizzle ./drizzle
COPY src ./src
# The image's own account. It may write nowhere but in /tmp.
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=6 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:3000/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# It does not shrink in quiet seconds: who comes at the full hour would wait for that and until it has grown again. One thread
# is enough to look through its heap: more would take the cores from those whom it waits for. Of what is young it has twice as
# much as the worker, so that what waits for its commit is not copied meanwhile.
CMD ["node", "--min-semi-space-size=16", "--max-semi-space-size=32", "--no-memory-reducer", "--v8-pool-size=1", "server.ts"]
