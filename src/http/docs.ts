import { fileURLToPath } from 'node:url'
import type { Response } from 'express'
import type { PublicRoute } from './route.ts'

/** Scripts and styles from here alone, and nothing inline: swagger-ui-dist runs under it without a violation. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Document vault: HTTP interface</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/init.js"></script>
</html>
`

/** No outside validator, no address from the query string, and no credential that outlives the page. */
const init = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#ui',
  validatorUrl: null,
  queryConfigEnabled: false,
  persistAuthorization: false,
  defaultModelsExpandDepth: 0,
})
`

const reason = 'documentation of fixed texts; whoever tries an operation needs a credential for it'

function route(path: `/docs${string}`, id: string, media: string, answer: (res: Response) => void): PublicRoute {
  return {
    method: 'get',
    path,
    id,
    public: reason,
    summary: 'The documentation in a browser',
    answers: { 200: { description: 'A part of the page.', media } },
    refusals: [],
    answer: async (_door, _req, res) => {
      res.setHeader('Content-Security-Policy', policy)
      answer(res)
    },
  }
}

const text = (media: string, body: string) => (res: Response) => {
  res.writeHead(200, { 'Content-Type': `${media}; charset=utf-8`, 'Content-Length': Buffer.byteLength(body) })
  res.end(body)
}

/** The package is resolved, never loaded: only these two of its files leave. */
const file = (name: string) => (res: Response) => {
  res.sendFile(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`)), {
    cacheControl: false,
    dotfiles: 'allow',
  })
}

export const docsRoutes: readonly PublicRoute[] = [
  route('/docs', 'docs', 'text/html', text('text/html', page)),
  route('/docs/init.js', 'docsInit', 'text/javascript', text('text/javascript', init)),
  route('/docs/swagger-ui.css', 'docsStyle', 'text/css', file('swagger-ui.css')),
  route('/docs/swagger-ui-bundle.js', 'docsScript', 'text/javascript', file('swagger-ui-bundle.js')),
]
