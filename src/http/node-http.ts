/**
 * Node's own server. An `import` of `node:http` asks for each of its exports, and some of them (WebSocket, fetch's events) load
 * a whole client for HTTP then and there, which was a tenth of the start; asked for in this way, it brings only the server.
 */
export const { createServer } = process.getBuiltinModule('node:http')
