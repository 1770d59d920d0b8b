import { requireWholeInstallation } from './installation';

// Is imported first, for its effect: the modules behind it fail with errors that nobody understands.
requireWholeInstallation();
