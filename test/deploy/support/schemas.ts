import { join } from 'node:path';
import ts from 'typescript';
import type { Manifest } from './manifests';

/** Where the schemas of an API group are. */
const PACKAGES: Record<string, string> = {
  v1: 'kubernetes-models/v1',
  'apps/v1': 'kubernetes-models/apps/v1',
  'policy/v1': 'kubernetes-models/policy/v1',
  'networking.k8s.io/v1': 'kubernetes-models/networking.k8s.io/v1',
  'keda.sh/v1alpha1': '@kubernetes-models/keda/keda.sh/v1alpha1',
};

function packageOf(apiVersion: string): string {
  const name = PACKAGES[apiVersion];
  if (name === undefined) throw new Error(`no schema is known of apiVersion ${apiVersion}`);
  return name;
}

/** Checks types, formats and what is required by the JSON schema; throws with what is wrong. */
export function validate(manifest: Manifest): void {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the kind is not known here
  const models = require(packageOf(manifest.apiVersion)) as Record<
    string,
    new (data: Manifest) => { validate(): void }
  >;
  const Model = models[manifest.kind];
  if (Model === undefined) throw new Error(`no schema is known of kind ${manifest.kind}`);
  new Model(manifest).validate();
}

/**
 * What the JSON schemas let pass: fields that do not exist, as a typing error makes them. The type
 * checker finds those in literals. `partial` is for patches, which leave out what is required.
 */
export function unknownFields(manifests: Manifest[], partial = false): string[] {
  const path = join(__dirname, 'generated-manifests.ts');
  const lines = manifests.map(({ apiVersion, kind, ...rest }, i) => {
    const type = `import('${packageOf(apiVersion)}').I${kind}`;
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
