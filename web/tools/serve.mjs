// Serves what was built as the server does: one page for every screen, and the content security policy that holds there.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';

const types = {
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript',
    '.css': 'text/css',
    '.svg': 'image/svg+xml',
    '.png': 'image/png',
    '.wasm': 'application/wasm',
    '.webmanifest': 'application/manifest+json',
};
const policy = [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
].join('; ');

export async function serve(root, port = 0) {
    const server = createServer(async (request, response) => {
        const path = normalize(new URL(request.url, 'http://localhost').pathname);
        const name = extname(path) ? path : '/index.html';
        try {
            const body = await readFile(join(root, name));
            response.writeHead(200, {
                'Content-Type': types[extname(name)] ?? 'application/octet-stream',
                'Content-Security-Policy': policy,
                'X-Content-Type-Options': 'nosniff',
            });
            response.end(body);
        } catch {
            response.writeHead(404).end();
        }
    });
    await new Promise((ready) => server.listen(port, '127.0.0.1', ready));
    return { url: `http://localhost:${server.address().port}`, close: () => server.close() };
}

if (process.argv[1]?.endsWith('serve.mjs')) {
    const { url } = await serve('dist-fake', Number(process.argv[2] ?? 4173));
    console.log(url);
}
