// Draws public/icon.svg as the PNG files that home screens want.
import { readFile, writeFile } from 'node:fs/promises';
import { launch } from './browser.mjs';

const svg = await readFile('public/icon.svg', 'utf8');
const browser = await launch();
const page = await browser.newPage();

async function draw(name, size, { maskable = false } = {}) {
    await page.setViewportSize({ width: size, height: size });
    // A maskable icon is cut to any shape: its picture keeps to the middle four fifths, its ground fills everything.
    const shown = maskable
        ? svg
              .replace(' rx="112"', '')
              .replace('viewBox="0 0 512 512"', 'viewBox="-64 -64 640 640"')
              .replace('<rect width="512" height="512"', '<rect x="-64" y="-64" width="640" height="640"')
        : svg;
    await page.setContent(`<style>body{margin:0}svg{display:block;width:100vw;height:100vh}</style>${shown}`);
    await writeFile(`public/${name}`, await page.screenshot({ omitBackground: true }));
}

await draw('icon-180.png', 180, { maskable: true });
await draw('icon-192.png', 192);
await draw('icon-512.png', 512);
await draw('icon-maskable-512.png', 512, { maskable: true });
await browser.close();
