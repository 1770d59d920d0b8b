import { errorMessage } from '../../domain/errors';
import { requireWholeInstallation } from '../../domain/installation';

// Is imported first, for its effect. What else says errors, `exitWith`, can't be loaded if a package is missing.
try {
  requireWholeInstallation();
} catch (error) {
  process.stderr.write(`cloudsync: ${errorMessage(error)}\n`);
  process.exit(2);
}
