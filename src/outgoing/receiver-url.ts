/** Where a message may be sent, as far as the URL of an endpoint tells. */
import { isIP } from 'node:net';
import { type Reach, RefusedAddress, reachableAddresses } from './public-address.ts';

/** Names that take longer are not waited for. */
const PATIENCE_MS = 5_000;

/** The host as the name service and `net` want it: an IPv6 address without its brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1');

/** What is wrong with `text` as the URL of a receiver, in words for whoever gave it; null when nothing is. */
export async function whatIsWrongWith(text: string, reach: Reach): Promise<string | null> {
  const url = URL.parse(text);
  const accepted = reach.toPrivateNetworks ? ['https:', 'http:'] : ['https:'];
  if (url === null || !accepted.includes(url.protocol))
    return `must be an absolute URL with ${accepted.join(' or ').replaceAll(':', '')}`;
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or a password';
  const host = hostOf(url);
  try {
    await inTime(reachableAddresses(host, reach));
    return null;
  } catch (error) {
    if (error instanceof RefusedAddress) return 'must lead to a public address';
    return isIP(host) === 0 ? 'must name a host that can be found' : 'must be an address that can be used';
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('no answer in time')), PATIENCE_MS);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
