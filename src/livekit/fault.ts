import { ProviderFault } from '../provider-fault.ts';

export type LiveKitFaultCode =
  | 'not_configured'
  | 'unauthenticated'
  | 'not_found'
  | 'bad_request'
  | 'rate_limited'
  | 'unavailable'
  | 'timeout'
  | 'bad_answer';

export class LiveKitFault extends ProviderFault<LiveKitFaultCode> {
  override readonly name = 'LiveKitFault';
  readonly provider = 'LiveKit';
}
