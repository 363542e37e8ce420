import type { Readable } from 'node:stream';

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Must be read to its end or destroyed. */
  readonly body: Readable;
  /** The address that answered, after redirects. */
  readonly url: URL;
  /** Headers of all answers on the way, first to last; the last is this one. */
  readonly hops: readonly Readonly<Record<string, string | undefined>>[];
}

export interface HttpGetOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Sent only to hosts of the first address's origin, never to where a redirect leads. */
  readonly credentials?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpClient {
  /** GET with up to 5 redirects. Fails when connecting, waiting for headers or a silence in the body takes too long. */
  get(url: URL, options: HttpGetOptions): Promise<HttpResponse>;
  close(): Promise<void>;
}

export interface HttpLimits {
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  /** Longest silence within a body. */
  readonly stallTimeoutMs: number;
}

export const defaultHttpLimits: HttpLimits = { connectTimeoutMs: 5_000, headersTimeoutMs: 20_000, stallTimeoutMs: 30_000 };
const maxRedirects = 5;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * HTTP through undici: proxies from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` of `environment`. Certificates of
 * `NODE_EXTRA_CA_CERTS` are added by Node itself when the process starts.
 */
export async function createHttpClient(
  environment: Readonly<Record<string, string | undefined>>,
  limits: HttpLimits = defaultHttpLimits,
): Promise<HttpClient> {
  const { EnvHttpProxyAgent, request } = await import('undici');
  const variable = (name: string): string => environment[name.toLowerCase()] ?? environment[name] ?? '';
  const dispatcher = new EnvHttpProxyAgent({
    httpProxy: variable('HTTP_PROXY'),
    httpsProxy: variable('HTTPS_PROXY'),
    noProxy: variable('NO_PROXY'),
    connect: { timeout: limits.connectTimeoutMs },
    headersTimeout: limits.headersTimeoutMs,
    bodyTimeout: limits.stallTimeoutMs,
  });
  return {
    async get(first, options) {
      const hops: HttpResponse['hops'][number][] = [];
      for (let url = first; ;) {
        const trusted = url.origin === first.origin;
        const answer = await request(url, {
          dispatcher,
          headers: { 'accept-encoding': 'identity', ...options.headers, ...(trusted ? options.credentials : {}) },
          ...(options.signal === undefined ? {} : { signal: options.signal }),
        });
        const headers = Object.fromEntries(
          Object.entries(answer.headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
        );
        hops.push(headers);
        if (!redirects.has(answer.statusCode)) return { status: answer.statusCode, headers, body: answer.body, url, hops };
        answer.body.on('error', () => undefined).destroy();
        const location = headers['location'];
        if (location === undefined || hops.length > maxRedirects) throw new Error(`${first.host} redirects without end.`);
        const next = new URL(location, url);
        if (!/^https?:$/u.test(next.protocol) || (url.protocol === 'https:' && next.protocol !== 'https:')) {
          throw new Error(`${url.host} redirects to an address without encryption, which is refused.`);
        }
        url = next;
      }
    },
    close: () => dispatcher.destroy(),
  };
}
