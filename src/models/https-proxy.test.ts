import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'millrace-https-'));
const keyPath = join(folder, 'key.pem');
const certificatePath = join(folder, 'certificate.pem');
const child = fileURLToPath(new URL('../../test/support/https-get-child.ts', import.meta.url));

function makeCertificate(): boolean {
  const subject = ['-subj', '/CN=models.test', '-addext', 'subjectAltName=DNS:models.test,DNS:localhost'];
  try {
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', keyPath, '-out', certificatePath, ...subject],
      {
        stdio: 'ignore',
      },
    );
    return true;
  } catch {
    return false;
  }
}

const possible = makeCertificate();
if (!possible) process.stdout.write('skipped: openssl, which makes the certificate, is not there\n');

describe.skipIf(!possible)('HTTPS through a proxy with a certificate of one’s own', () => {
  const tunnels: string[] = [];
  let site: Server;
  let proxy: Server;

  beforeAll(async () => {
    site = createHttpsServer({ key: readFileSync(keyPath), cert: readFileSync(certificatePath) }, (_request, response) => {
      response.end('weights');
    });
    // The name models.test exists only behind the proxy.
    proxy = createHttpServer().on('connect', (request, socket) => {
      tunnels.push(request.url ?? '');
      const upstream = connect((site.address() as AddressInfo).port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
    for (const server of [site, proxy]) {
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
    }
  });
  afterAll(() => {
    for (const server of [site, proxy]) server.close().closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  async function get(url: string, environment: Readonly<Record<string, string>>): Promise<string> {
    const { PATH = '' } = process.env;
    const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const { stdout } = await promisify(execFile)(process.execPath, [child, url], {
      env: { PATH, HTTPS_PROXY: proxyUrl, ...environment },
    });
    return stdout;
  }

  it('goes through HTTPS_PROXY and trusts NODE_EXTRA_CA_CERTS', async () => {
    expect(await get('https://models.test/file', { NODE_EXTRA_CA_CERTS: certificatePath })).toBe('200 weights');
    expect(tunnels).toEqual(['models.test:443']);
  });

  it('refuses a certificate that nobody vouches for', async () => {
    expect(await get('https://models.test/file', {})).toMatch(/^failed .*(SELF_SIGNED|self.signed)/u);
  });

  it('goes past the proxy to hosts of NO_PROXY', async () => {
    const before = tunnels.length;
    const { port } = site.address() as AddressInfo;
    const answer = await get(`https://localhost:${port}/file`, { NODE_EXTRA_CA_CERTS: certificatePath, NO_PROXY: 'localhost' });
    expect(answer).toBe('200 weights');
    expect(tunnels).toHaveLength(before);
  });
});
