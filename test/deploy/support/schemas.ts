import * as keda from '@kubernetes-models/keda/keda.sh/v1alpha1';
import * as apps from 'kubernetes-models/apps/v1';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as policy from 'kubernetes-models/policy/v1';
import * as core from 'kubernetes-models/v1';
import { join } from 'node:path';
import ts from 'typescript';
import type { Manifest } from './manifests';

/** Models and type declarations of each API group. */
const GROUPS: Record<string, { name: string; models: object }> = {
  v1: { name: 'kubernetes-models/v1', models: core },
  'apps/v1': { name: 'kubernetes-models/apps/v1', models: apps },
  'policy/v1': { name: 'kubernetes-models/policy/v1', models: policy },
  'networking.k8s.io/v1': { name: 'kubernetes-models/networking.k8s.io/v1', models: networking },
  'keda.sh/v1alpha1': { name: '@kubernetes-models/keda/keda.sh/v1alpha1', models: keda },
};

function groupOf(apiVersion: string) {
  const group = GROUPS[apiVersion];
  if (group === undefined) throw new Error(`no schema is known of apiVersion ${apiVersion}`);
  return group;
}

type Model = new (data: Manifest) => { validate(): void };

/** Checks a manifest against its JSON schema. Throws an error that lists the faults. */
export function validate(manifest: Manifest): void {
  const models = groupOf(manifest.apiVersion).models as Record<string, Model>;
  const Model = models[manifest.kind];
  if (Model === undefined) throw new Error(`no schema is known of kind ${manifest.kind}`);
  new Model(manifest).validate();
}

/**
 * Finds fields that do not exist, such as a misspelt name: the JSON schemas let them pass. The type
 * checker finds them in literals. `partial` is for patches, which leave out required fields.
 */
export function unknownFields(manifests: Manifest[], partial = false): string[] {
  const path = join(__dirname, 'generated-manifests.ts');
  const lines = manifests.map(({ apiVersion, kind, ...rest }, i) => {
    const type = `import('${groupOf(apiVersion).name}').I${kind}`;
    const literal = JSON.stringify({ apiVersion, kind, ...rest });
    return `export const m${i}: ${partial ? `Part<${type}>` : type} = ${literal};`;
  });
  const part =
    'type Part<T> = T extends (infer U)[] ? Part<U>[] : T extends object ? { [K in keyof T]?: Part<T[K]> } : T;';
  const text = [part, ...lines].join('\n');
  const options: ts.CompilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
  };
  const host = ts.createCompilerHost(options);
  const readSource = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) =>
    name === path
      ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022)
      : readSource(name, ...rest);
  const program = ts.createProgram([path], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
