import { GraftError } from '@graftjs/core';
import { type AbortSignalLike } from '@graftjs/core/extend';
import { cacheFolder, fileError } from '@graftjs/formats/node';
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface DownloadOptions {
  /** Where downloads are kept. Default: `$GRAFT_CACHE`, or `graft` in `$XDG_CACHE_HOME`, or `~/.cache/graft`. */
  readonly cache?: string;
  /** The file's SHA-256 in hex, or the start of it (8 digits or more, as in torchvision's file names). */
  readonly sha256?: string;
  /** Called as bytes arrive; `total` is undefined where the server does not say. */
  readonly onProgress?: (received: number, total: number | undefined) => void;
  /** An `AbortSignal`. Stops the download; what has arrived is kept for the next try. */
  readonly signal?: AbortSignalLike;
}

/** A `URL`, in words that do not need Node's types or the DOM's. */
export interface UrlLike {
  readonly href: string;
}

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

function check(bytes: Uint8Array, url: string, wanted: string | undefined): void {
  if (wanted === undefined) return;
  if (!/^[0-9a-f]{8,64}$/i.test(wanted))
    throw new GraftError(`'${wanted}' is not the start of a SHA-256 (8 to 64 hex digits)`);
  const found = sha256(bytes);
  if (!found.startsWith(wanted.toLowerCase())) {
    throw new GraftError(
      `${url}: the SHA-256 is ${found.slice(0, 16)}…, not ${wanted.slice(0, 16)}…: the file was altered or damaged`,
    );
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * A file from the web, kept in a folder: the second call reads the disk. A download that broke off is taken up where it
 * stopped (HTTP Range, guarded by the server's ETag or Last-Modified). With `sha256` the bytes are checked, each time.
 * @returns the bytes, and where they are kept.
 * @throws GraftError in one line: unreachable, HTTP status, broken off, wrong checksum, disk full.
 */
export async function download(
  url: string | UrlLike,
  options: DownloadOptions = {},
): Promise<{ bytes: Uint8Array; path: string }> {
  const address = new URL(typeof url === 'string' ? url : url.href);
  if (address.protocol !== 'https:' && address.protocol !== 'http:')
    throw new GraftError(`cannot download ${address.href}: only http and https`);
  const folder = options.cache ?? cacheFolder();
  // Readable, and different for different addresses with one file name.
  const name = (address.pathname.split('/').at(-1) ?? '').replace(/[^\w.-]+/g, '_').slice(-80) || 'file';
  const path = join(folder, `${sha256(address.href).slice(0, 12)}-${name}`);
  try {
    if (!(await exists(path))) {
      await mkdir(folder, { recursive: true });
      await fetchTo(address, path, options);
    }
    const bytes = await readFile(path);
    try {
      check(bytes, address.href, options.sha256);
    } catch (error) {
      await rm(path, { force: true }); // or every later try would find it again
      throw error;
    }
    return { bytes, path };
  } catch (error) {
    throw fileError(path, error);
  }
}

/** Downloads into `path.part`, taking up what is there, and renames at the end. */
async function fetchTo(url: URL, path: string, options: DownloadOptions): Promise<void> {
  const part = `${path}.part`;
  const tagFile = `${path}.part.tag`;
  // Without a tag the server's file may have changed in between: start anew.
  const tag = await readFile(tagFile, 'utf8').catch(() => '');
  const have = tag
    ? await stat(part).then(
        (s) => s.size,
        () => 0,
      )
    : 0;
  const failed = (why: string, cause?: unknown): GraftError =>
    Object.assign(new GraftError(`cannot download ${url.href}: ${why}`), { cause });

  let response: Response;
  try {
    response = await fetch(url, {
      headers: have > 0 ? { Range: `bytes=${have}-`, 'If-Range': tag } : {},
      ...(options.signal && { signal: options.signal as AbortSignal }),
    });
  } catch (error) {
    throw failed(reason(error), error);
  }
  if (response.status === 416) {
    // The part is not a beginning of the file that is there now.
    await response.body?.cancel();
    await rm(part, { force: true });
    await rm(tagFile, { force: true });
    return fetchTo(url, path, options);
  }
  if (!response.ok || !response.body)
    throw failed(`the server answered ${response.status} ${response.statusText}`);
  const from = response.status === 206 ? rangeStart(response) : 0;
  if (from !== 0 && from !== have) throw failed(`asked from byte ${have} on, the server sent from ${from}`);
  const length = Number(response.headers.get('content-length') ?? NaN);
  const encoded = response.headers.has('content-encoding');
  const total = Number.isFinite(length) && !encoded ? from + length : undefined;

  const validator = response.headers.get('etag') ?? response.headers.get('last-modified') ?? '';
  await rm(tagFile, { force: true });
  const file = await open(part, from === 0 ? 'w' : 'r+');
  let received = from;
  try {
    // A weak tag does not promise the same bytes.
    if (validator && !validator.startsWith('W/')) {
      const tags = await open(tagFile, 'w');
      await tags.writeFile(validator).finally(() => tags.close());
    }
    try {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        await file.write(chunk, 0, chunk.length, received);
        received += chunk.length;
        options.onProgress?.(received, total);
      }
    } catch (error) {
      if ((error as { syscall?: string }).syscall === 'write') throw error; // the disk's fault, not the net's
      throw failed(`broken off after ${received} bytes (${reason(error)}); call again to take it up`, error);
    }
    if (total !== undefined && received !== total)
      throw failed(`${received} of ${total} bytes arrived; call again to take it up`);
    await file.truncate(received);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, path);
  await rm(tagFile, { force: true });
}

function rangeStart(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? NaN);
}

/** fetch hides the reason one level down. */
function reason(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  return cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : String(error));
}
