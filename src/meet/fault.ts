import { ProviderFault } from '../provider-fault.ts';

export type MeetFaultCode =
  | 'bad_key'
  | 'clock_wrong'
  | 'scope_missing'
  | 'cannot_impersonate'
  | 'api_disabled'
  | 'forbidden'
  | 'not_found'
  | 'bad_request'
  | 'unauthenticated'
  | 'rate_limited'
  | 'unavailable'
  | 'timeout'
  | 'bad_answer';

export class MeetFault extends ProviderFault<MeetFaultCode> {
  override readonly name = 'MeetFault';
  readonly provider = 'Google Meet';
}
