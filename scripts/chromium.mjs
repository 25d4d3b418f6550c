// Which Chromium or Chrome runs the browser tests.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright';
import { show } from './steps.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const { PROGRAMFILES, 'PROGRAMFILES(X86)': PROGRAMFILES_X86, LOCALAPPDATA } = process.env;

/** Where installers put it, besides the folders of PATH. */
const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ...[PROGRAMFILES, PROGRAMFILES_X86, LOCALAPPDATA]
    .filter(Boolean)
    .map((folder) => join(folder, 'Google', 'Chrome', 'Application', 'chrome.exe')),
];

/**
 * The browser's path: CHROME_PATH if it is set, else one that is installed, else the one that playwright has fetched.
 * @returns {string | null} null if there is none
 * @throws if CHROME_PATH names a file that is not there
 */
export function findChromium() {
  const { CHROME_PATH, PATH = '' } = process.env;
  if (CHROME_PATH) {
    if (!existsSync(CHROME_PATH)) throw new Error(`CHROME_PATH is ${CHROME_PATH}: there is no such file`);
    return CHROME_PATH;
  }
  const onPath = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...PLACES, ...onPath, chromium.executablePath()].find((path) => existsSync(path)) ?? null;
}

/**
 * Lets playwright download a Chromium.
 * @returns {Promise<string | null>} its path, or null if that failed
 */
export async function fetchChromium() {
  console.log('There is no Chromium or Chrome: playwright tries to get one.');
  await show('playwright install chromium');
  return findChromium();
}
