/**
 * The operator page as a Fastify plugin. It needs more packages:
 * `npm install fastify@5 @fastify/cookie@11 htmx.org@2 preact@11 preact-render-to-string@6 uplot@1`.
 * @module cloudsync/page
 */
export { operatorPage } from './page/operator-page';
export type { OperatorPageOptions, PageAction } from './page/options';
