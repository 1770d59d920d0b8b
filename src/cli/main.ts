#!/usr/bin/env node
import { exitWith } from './exit';
import { createProgram } from './program';

createProgram().parseAsync().catch(exitWith);
