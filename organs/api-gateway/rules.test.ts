import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { requestHeaders, requestIdOf, responseHeaders } from './headers.ts';
import { type Route, routeOf, routesOf } from './route.ts';
import { targetOf } from './target.ts';

describe('a request target', () => {
  test.each([
    ['/mint/wallets?limit=1', '/mint/wallets', '?limit=1'],
    ['/mint/a%20b', '/mint/a%20b', ''],
    ['/mint/100%25', '/mint/100%25', ''],
    ['/mint/...', '/mint/...', ''],
    ['/mint/a.b?path=../../etc', '/mint/a.b', '?path=../../etc'],
  ])('%s is path and query', (url, path, query) => {
    expect(targetOf(url)).toEqual({ path, query });
  });

  test.each([
    ['/mint/../aegis/secrets', /segments/],
    ['/mint/%2e%2e/aegis', /segments/],
    ['/mint/.%2E/aegis', /segments/],
    ['/mint/..%2faegis', /segments/],
    ['/mint/%252e%252e/aegis', /segments/],
    ['/mint/./wallets', /segments/],
    ['/mint/..', /segments/],
    ['/mint\\..\\aegis', /backslash/],
    ['/mint/%5c..%5caegis', /backslash/],
    ['/mint/%00', /control characters/],
    ['/mint/a%0d%0aSet-Cookie:x', /control characters/],
    ['/mint/%zz', /malformed percent-encoding/],
    ['/mint/%c0%ae', /malformed percent-encoding/],
    ['http://elsewhere/mint', /begins with \//],
    ['*', /begins with \//],
    ['/mint#x', /fragment/],
    [undefined, /begins with \//],
  ])('%s is refused', (url, message) => {
    expect(() => targetOf(url)).toThrow(message);
  });

  test('that is taken means the same path to whoever resolves it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('.', '..', 'a', '%2e', '%2E', '%252e', '/', '%2f', '\\', '%5c', '%'), {
          maxLength: 12,
        }),
        (parts) => {
          const url = `/mint/${parts.join('')}`;
          try {
            targetOf(url);
          } catch {
            return;
          }
          expect(new URL(url, 'http://x').pathname).toBe(url);
          expect(new URL(decodeURIComponent(url), 'http://x').pathname.startsWith('/mint/')).toBe(true);
        },
      ),
    );
  });
});

const service = (name: string, metadata: unknown) => ({
  name,
  url: `http://${name}`,
  health: 'Healthy',
  instances: [],
  metadata,
});

describe('routes', () => {
  test('are what services declare; the rest is named', () => {
    const { routes, complaints } = routesOf([
      service('mint', { route: { prefix: '/mint/', rateLimit: '100/m', auth: 'required' } }),
      service('coins', { route: { prefix: '/mint' } }),
      service('state', {}),
      service('odd', { route: { prefix: 'odd' } }),
    ]);
    expect(routes).toEqual([
      {
        organ: 'mint',
        prefix: '/mint',
        rate: { points: 100, seconds: 60 },
        auth: 'required',
        instances: [{ instance: 'mint', url: 'http://mint', health: 'Healthy' }],
      },
    ]);
    expect(complaints).toEqual([
      'mint and coins both want /mint: mint has it',
      expect.stringMatching(/^the route of odd cannot be read/),
    ]);
  });

  test('are found by whole segments, the longest first', () => {
    const { routes } = routesOf(
      ['/', '/mint', '/mint/admin'].map((prefix) =>
        service(`for${prefix.replaceAll('/', '-')}`, { route: { prefix } }),
      ),
    );
    const found = (path: string) => routeOf(routes, path)?.prefix;
    expect(['/mint', '/mint/x', '/mint/admin/y', '/minting', '/mint/administer'].map(found)).toEqual([
      '/mint',
      '/mint',
      '/mint/admin',
      '',
      '/mint',
    ]);
    expect(routeOf(routes.slice(0, 1), '/other')).toBeNull();
  });
});

describe('headers', () => {
  const route: Route = { organ: 'mint', prefix: '/mint', rate: null, auth: 'required', instances: [] };
  const sent = {
    host: 'azora.example',
    connection: 'keep-alive, X-Private',
    'x-private': 'of this connection',
    te: 'trailers',
    upgrade: 'h2c',
    expect: '100-continue',
    authorization: 'Bearer t',
    'x-azora-user': 'root',
    'x-azora-roles': 'admin',
    'x-azora-anything': 'x',
    'x-forwarded-host': 'evil',
    'x-forwarded-for': '1.1.1.1, 2.2.2.2',
    forwarded: 'for=evil',
    accept: 'application/json',
  };
  const rawHeaders = ['X-Forwarded-For', '1.1.1.1', 'x-forwarded-for', '2.2.2.2'];

  test('to an instance: those of the message, and those that only the gateway sets', () => {
    const principal = { subject: 's1', username: 'rósa', roles: ['user', 'admin'], expiresAt: 0 };
    expect(requestHeaders({ headers: sent, rawHeaders }, { id: 'r1', address: '9.9.9.9', route, principal })).toEqual({
      authorization: 'Bearer t',
      accept: 'application/json',
      'x-forwarded-for': '1.1.1.1, 2.2.2.2, 9.9.9.9',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'azora.example',
      'x-forwarded-prefix': '/mint',
      'x-request-id': 'r1',
      'x-azora-user': 's1',
      'x-azora-username': 'r%C3%B3sa',
      'x-azora-roles': 'user,admin',
    });
  });

  test('of nobody in particular carry no user, whatever was sent', () => {
    const names = Object.keys(
      requestHeaders({ headers: sent, rawHeaders }, { id: 'r1', address: 'a', route, principal: null }),
    );
    expect(names.filter((name) => name.startsWith('x-azora'))).toEqual([]);
  });

  test('to the caller: without those of the connection', () => {
    const answered = {
      connection: 'close',
      'keep-alive': 'timeout=5',
      'transfer-encoding': 'chunked',
      'set-cookie': ['a', 'b'],
    };
    expect(responseHeaders(answered, 'r1')).toEqual({ 'set-cookie': ['a', 'b'], 'x-request-id': 'r1' });
  });

  test.each([
    ['abc-1.2:3_x', true],
    ['a b', false],
    ['x'.repeat(129), false],
    ['<script>', false],
  ])('a request id %s is kept: %s', (given, isKept) => {
    expect(requestIdOf({ 'x-request-id': given }) === given).toBe(isKept);
  });
});
