import { mount } from 'svelte';
import App from './App.svelte';
import { app } from './app/app.svelte';
import { preferences, showTheme } from './app/preferences.svelte';
import { update } from './app/update.svelte';
import './design/tokens.css';
import './design/base.css';
import { chooseLanguage, words } from './i18n/words.svelte';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');

showTheme(preferences.theme);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => showTheme(preferences.theme));
void app.open();
const speak = () => words.use(preferences.language || chooseLanguage(navigator.languages));
await speak();
preferences.follow(() => void speak());
mount(App, { target });
update.watch();
// The core is just being opened, so nobody waits for this.
setTimeout(() => words.warm());
