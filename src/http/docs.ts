import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import express, { type Express } from 'express';
import { type OpenApiDocument, openApiDocument } from './open-api.ts';
import type { Route } from './route.ts';

const ASSETS = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const SERVED = new Set(['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']);

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Rollcall API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css">
    <link rel="icon" href="/docs/favicon-32x32.png">
  </head>
  <body>
    <div id="contract"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;
const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#contract', deepLinking: true, validatorUrl: null });\n`;

/** The contract and its pages, all from this server. */
export function mountDocs(app: Express, routes: readonly Route[]): void {
  let document: OpenApiDocument | undefined;

  app.get('/openapi.json', (_req, res) => {
    res.locals.route = '/openapi.json';
    // Written when first asked for: a server that is never asked keeps the memory.
    document ??= openApiDocument(routes);
    res.json(document);
  });

  const pages = express.Router();
  pages.use((_req, res, next) => {
    res.locals.route = '/docs';
    next();
  });
  pages.get('/', (_req, res) => {
    res.type('html').send(PAGE);
  });
  pages.get('/start.js', (_req, res) => {
    res.type('js').send(START);
  });
  pages.get('/:file', (req, res, next) => {
    if (SERVED.has(req.params.file)) res.sendFile(join(ASSETS, req.params.file), { maxAge: '1h' });
    else next();
  });
  app.use('/docs', pages);
}
