import { requireWholeInstallation } from './installation';

// `index.ts` imports this module first. If a package is missing, the modules behind it fail with errors that name neither
// cause nor remedy.
requireWholeInstallation();
