/// <reference types="svelte" />
/// <reference types="vite/client" />

declare const __APP_VERSION__: string;

interface ImportMetaEnv {
    /** `fake`: screens on made data, for looking at them. */
    readonly VITE_CORE?: 'fake';
}
