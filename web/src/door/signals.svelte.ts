import { preferences } from '../app/preferences.svelte';
import type { Tone } from './look';

/** Pitch in hertz, and when and for how long it sounds, in milliseconds. Made here, so that there is no file to fetch. */
type Note = [pitch: number, at: number, length: number];

const tunes: Record<Tone, { notes: Note[]; wave: OscillatorType; buzz: number[] }> = {
    ok: {
        notes: [
            [880, 0, 90],
            [1320, 100, 140],
        ],
        wave: 'sine',
        buzz: [60],
    },
    warn: {
        notes: [
            [660, 0, 120],
            [660, 180, 120],
            [520, 360, 200],
        ],
        wave: 'triangle',
        buzz: [120, 80, 120],
    },
    bad: {
        notes: [
            [196, 0, 260],
            [147, 300, 360],
        ],
        wave: 'sawtooth',
        buzz: [300, 100, 300],
    },
    ask: {
        notes: [
            [740, 0, 110],
            [988, 130, 110],
        ],
        wave: 'triangle',
        buzz: [80, 60, 80],
    },
};

class Signals {
    /** The browser keeps sound back until somebody has touched the page. */
    blocked = $state(false);
    private context: AudioContext | null = null;

    /** To be called when somebody touches the page. */
    async unlock(): Promise<void> {
        if (!preferences.sound || typeof AudioContext === 'undefined') return;
        this.context ??= new AudioContext();
        // A context that is not allowed yet never answers: its state is asked instead of waiting for it.
        void this.context.resume().then(() => (this.blocked = false));
        this.blocked = this.context.state === 'suspended';
    }

    give(tone: Tone): void {
        if (preferences.vibration) navigator.vibrate?.(tunes[tone].buzz);
        if (!preferences.sound || typeof AudioContext === 'undefined') return;
        this.context ??= new AudioContext();
        this.blocked = this.context.state === 'suspended';
        if (this.blocked) return;
        for (const note of tunes[tone].notes) this.play(this.context, note, tunes[tone].wave);
    }

    private play(context: AudioContext, [pitch, at, length]: Note, wave: OscillatorType): void {
        const from = context.currentTime + at / 1000;
        const until = from + length / 1000;
        const tone = context.createOscillator();
        const volume = context.createGain();
        tone.type = wave;
        tone.frequency.value = pitch;
        volume.gain.setValueAtTime(0, from);
        volume.gain.linearRampToValueAtTime(0.4, from + 0.01);
        volume.gain.setValueAtTime(0.4, until - 0.02);
        volume.gain.linearRampToValueAtTime(0, until);
        tone.connect(volume).connect(context.destination);
        tone.start(from);
        tone.stop(until);
    }
}

export const signals = new Signals();
