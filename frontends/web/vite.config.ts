import { gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

// The gateway compresses nothing by itself: what can be smaller lies beside its file.
function packed(): Plugin {
  return {
    name: 'packed',
    apply: 'build',
    generateBundle: {
      // What is packed is what is served: nothing changes it any more.
      order: 'post',
      handler(_, bundle) {
        for (const file of Object.values(bundle)) {
          const content = file.type === 'chunk' ? file.code : file.source;
          this.emitFile({ type: 'asset', fileName: `${file.fileName}.gz`, source: gzipSync(content, { level: 9 }) });
        }
      },
    },
  };
}

export default defineConfig({
  base: '/',
  plugins: [packed()],
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  worker: { format: 'es' },
  build: {
    outDir: '../../target/web/page',
    emptyOutDir: true,
    target: 'es2022',
    // Data URLs are for pictures; the policy of the page allows no script and no font from one.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
