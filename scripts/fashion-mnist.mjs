// Pictures for tests in a browser: Debian's package dataset-fashion-mnist.
import { createReadStream, existsSync } from 'node:fs';
import { basename, join } from 'node:path';

const FOLDER = '/usr/share/datasets/fashion-mnist';

/** Where pages find the files; null if they are not installed. In CI they must be. */
export const fashionMnist = existsSync(FOLDER) || process.env.CI ? '/fashion-mnist/' : null;

/**
 * A Vite plugin that serves the files as they are. (By itself, Vite says of .gz that the transfer is compressed.)
 * @type {import('vite').Plugin}
 */
export const lendFashionMnist = {
  name: 'fashion-mnist',
  configureServer({ middlewares }) {
    middlewares.use('/fashion-mnist/', (request, response) => {
      createReadStream(join(FOLDER, basename(request.url ?? '')))
        .on('error', () => response.writeHead(404).end())
        .pipe(response);
    });
  },
};
