/** Reads QR codes for browsers that read none themselves, apart from the page, which has a picture to show meanwhile. */
import { prepareZXingModule, readBarcodes, type ReaderOptions } from 'zxing-wasm/reader';
import moduleUrl from 'zxing-wasm/reader/zxing_reader.wasm?url';

export interface Picture {
    picture: number;
    image: ImageData;
}

export interface Read {
    picture: number;
    /** None if there is no code in it, or none that can be read. */
    text: string | null;
}

/** A badge may be crumpled, upside down, or light on dark. */
const OPTIONS: ReaderOptions = {
    formats: ['QRCode'],
    maxNumberOfSymbols: 1,
    tryHarder: true,
    tryRotate: true,
    tryInvert: true,
    tryDownscale: true,
};

prepareZXingModule({ overrides: { locateFile: () => moduleUrl } });

self.onmessage = ({ data }: MessageEvent<Picture>) => {
    void readBarcodes(data.image, OPTIONS)
        .then(
            (found) => found[0]?.text ?? null,
            () => null,
        )
        .then((text) => {
            self.postMessage({ picture: data.picture, text } satisfies Read);
        });
};
