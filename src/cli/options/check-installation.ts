import { errorMessage } from '../../domain/errors';
import { requireWholeInstallation } from '../../domain/installation';

// `main.ts` imports this module first. If a package is missing, `exitWith`, which prints other errors, can't be loaded.
try {
  requireWholeInstallation();
} catch (error) {
  process.stderr.write(`cloudsync: ${errorMessage(error)}\n`);
  process.exit(2);
}
