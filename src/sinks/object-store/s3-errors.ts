import { errorMessage } from '../../domain/errors';
import {
  configuration,
  PERMANENT,
  THROTTLED,
  TRANSIENT,
  type Answer,
  type ErrorTable,
  type Rule,
} from './cloud-errors';

const credentials = configuration(
  'check the credentials that the AWS SDK finds (environment, profile, role)',
);
const permissions = configuration(
  'the identity needs s3:PutObject and s3:GetObject on the objects and s3:ListBucket on the bucket',
);
const region = configuration('check the region of the bucket (AWS_REGION)');
const conditions = configuration(
  'the server must know PUT with If-None-Match: *; use one, or a version of it, that does',
);
const key = configuration("check the bucket's encryption key and kms:GenerateDataKey on it");

const of = (rule: Rule, ...codes: string[]): Record<string, Rule> =>
  Object.fromEntries(codes.map((code) => [code, rule]));

/** Error codes of S3, of the services that issue credentials, and of the AWS SDK itself. */
export const S3_ERRORS: ErrorTable = {
  codes: {
    ...of(
      THROTTLED,
      ...['SlowDown', 'TooManyRequestsException', 'TooManyRequests', 'RequestLimitExceeded'],
      ...['Throttling', 'ThrottlingException', 'ThrottledException', 'BandwidthLimitExceeded'],
    ),
    ...of(
      TRANSIENT,
      ...['ConditionalRequestConflict', 'OperationAborted', 'RequestTimeout'],
      ...['RequestTimeTooSkewed', 'ExpiredToken', 'ExpiredTokenException'],
      // The bytes that arrived differ from the bytes that were sent.
      ...[
        'BadDigest',
        'IncompleteBody',
        'XAmzContentChecksumMismatch',
        'XAmzContentSHA256Mismatch',
      ],
    ),
    ...of(
      credentials,
      ...['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'InvalidIdentityToken'],
      ...[
        'IDPCommunicationError',
        'IDPRejectedClaim',
        'InvalidClientTokenId',
        'XAdminUserNotFound',
      ],
      ...[
        'CredentialsProviderError',
        'ProviderError',
        'TokenProviderError',
        'InvalidGrantException',
      ],
      ...['InvalidClientException', 'UnauthorizedException', 'UnauthorizedClientException'],
    ),
    ...of(permissions, 'AccessDenied', 'AllAccessDisabled', 'AccountProblem'),
    ...of(
      configuration('create the bucket, or check its name'),
      'NoSuchBucket',
      'InvalidBucketName',
    ),
    ...of(
      region,
      ...['PermanentRedirect', 'AuthorizationHeaderMalformed', 'RegionMissing'],
      ...['IllegalLocationConstraintException', 'RegionDisabledException'],
    ),
    ...of(
      key,
      ...['KMS.DisabledException', 'KMS.NotFoundException', 'KMS.KMSInvalidStateException'],
      ...['KMS.InvalidKeyUsageException', 'KMS.KeyUnavailableException'],
    ),
    ...of(conditions, 'NotImplemented'),
    ...of(PERMANENT, 'KeyTooLongError', 'EntityTooLarge', 'MetadataTooLarge'),
  },
  denied: permissions,
};

/** Names that say nothing, as of an answer without a body of XML. Then the status decides. */
const NAMELESS = ['Error', 'Unknown', 'UnknownError', 'NotFound', 'Forbidden', 'BadRequest'];

/** The answer in an error of `@aws-sdk/client-s3`; undefined for any other error. */
export function s3Answer(error: unknown): Answer | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { name, code, $metadata, $response } = error as S3Error;
  const message = errorMessage(error);
  if (message === 'Region is missing') return { code: 'RegionMissing', message };
  const status = $metadata?.httpStatusCode;
  const named = name === undefined || NAMELESS.includes(name) ? undefined : name;
  return {
    status,
    code: status === undefined ? (code ?? named) : named,
    message: message === 'UnknownError' ? '' : message,
    retryAfter: $response?.headers?.['retry-after'],
    requestId: $metadata?.requestId,
  };
}

interface S3Error {
  name?: string;
  code?: string;
  $metadata?: { httpStatusCode?: number; requestId?: string };
  /** Not enumerable. */
  $response?: { headers?: Record<string, string> };
}
