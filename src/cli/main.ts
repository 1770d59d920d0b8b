#!/usr/bin/env node
import './options/check-installation';
import { exitWith, finish, handleOutputErrors } from './options/exit';
import { createProgram } from './program';

handleOutputErrors();
createProgram().parseAsync().then(finish, exitWith);
