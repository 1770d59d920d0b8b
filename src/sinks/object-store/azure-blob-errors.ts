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

const permissions = configuration(
  'check the credentials; an identity needs the role Storage Blob Data Contributor on the container',
);
const container = configuration('create the container, or check its name and the account');
const request = configuration('the server does not take requests of this version of the SDK');

const of = (rule: Rule, ...codes: string[]): Record<string, Rule> =>
  Object.fromEntries(codes.map((code) => [code, rule]));

/** Error codes of Blob Storage, and names of the errors that occur on the way to credentials. */
export const AZURE_BLOB_ERRORS: ErrorTable = {
  codes: {
    ...of(THROTTLED, 'ServerBusy', 'TooManyRequests', 'IngressExceedsLimit'),
    ...of(
      TRANSIENT,
      ...['InternalError', 'OperationTimedOut', 'ContainerBeingDeleted', 'AccountBeingCreated'],
      // The bytes that arrived differ from the bytes that were sent.
      ...['Md5Mismatch', 'Crc64Mismatch'],
    ),
    ...of(
      permissions,
      ...['AuthenticationFailed', 'AuthorizationFailure', 'AuthorizationPermissionMismatch'],
      ...[
        'InvalidAuthenticationInfo',
        'NoAuthenticationInformation',
        'InsufficientAccountPermissions',
      ],
      ...['CredentialUnavailableError', 'AggregateAuthenticationError', 'AuthenticationError'],
      ...['AuthenticationRequiredError', 'AccountIsDisabled', 'PublicAccessNotPermitted'],
    ),
    ...of(
      container,
      ...['ContainerNotFound', 'ContainerDisabled', 'ResourceNotFound', 'InvalidResourceName'],
      // The name of the container is too short or too long. A key of this sink never is.
      'OutOfRangeInput',
    ),
    ...of(request, 'InvalidHeaderValue', 'UnsupportedHeader', 'FeatureVersionMismatch'),
    ...of(PERMANENT, 'InvalidInput', 'InvalidMetadata', 'RequestBodyTooLarge', 'MetadataTooLarge'),
  },
  denied: permissions,
};

/** The answer in an error of `@azure/storage-blob` or `@azure/identity`; undefined for any other error. */
export function azureBlobAnswer(error: unknown): Answer | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { name, code, statusCode, details, response } = error as AzureError;
  const message = errorMessage(error);
  // Such an error has a status as well, but that of the service that issues tokens.
  if (name !== undefined && /Authentication|CredentialUnavailable/.test(name)) {
    return { code: name, message };
  }
  // The body was that of a proxy, not of the service.
  const foreign = code === 'PARSE_ERROR';
  return {
    status: statusCode,
    // An answer to HEAD has no body; its code is in a header.
    code: foreign ? undefined : (code ?? details?.errorCode),
    message: foreign ? '' : message,
    retryAfter: response?.headers?.get('retry-after'),
    requestId: response?.headers?.get('x-ms-request-id'),
  };
}

interface AzureError {
  name?: string;
  code?: string;
  statusCode?: number;
  details?: { errorCode?: string };
  response?: { headers?: { get(name: string): string | undefined } };
}
