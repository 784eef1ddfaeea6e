import { t } from '../i18n/words.svelte';

export const HOUR_MS = 60 * 60_000;

/** For how long a device works without contact, in words; 0 is no end. */
export function leaseInWords(ms: number): string {
    const hours = Math.round(ms / HOUR_MS);
    if (hours === 0) return t('lease.never');
    return hours % 24 === 0 ? t('lease.days', { count: hours / 24 }) : t('lease.hours', { count: hours });
}
