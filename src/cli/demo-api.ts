import type { Role } from '../http/authentication.ts';
import type { LocalRollcall } from '../local/rollcall.ts';
import { signToken } from './token.ts';

export interface ScheduledClass {
  class_id: string;
  start_time: string;
}
export interface AttendanceRecord {
  email: string;
  role: string;
  status: string;
  at_least_minutes?: number;
  first_join: string | null;
  last_leave: string | null;
  duration_minutes: number;
  attendance_percentage: number;
  interruptions: number;
  explanation: string;
}
export interface Attendance {
  status: string;
  is_complete: boolean;
  missing: { code: string; message: string }[];
  records: AttendanceRecord[];
}

export interface Api {
  get<T>(path: string): Promise<T>;
  send<T>(method: string, path: string, body?: unknown): Promise<T>;
}

/** Calls the API as somebody of the school `demo`, its admin when left out. Throws what a problem response says. */
export async function createApi(
  { apiUrl, jwtSecret }: LocalRollcall,
  caller: { role: Role; sub: string } = { role: 'admin', sub: 'admin@school.example' },
): Promise<Api> {
  if (jwtSecret === undefined)
    throw new Error('the demonstration signs its own tokens: unset AUTH_JWKS_URL.');
  const token = await signToken(jwtSecret, { tenant: 'demo', ...caller });
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  };
  return { get: (path) => call('GET', path), send: call };
}
