import { globMatcher } from "../model/glob.ts";

/** Where the common ecosystems keep tests. A test that a step adds can prove the step; see `evidence` in run.ts. */
const patterns = [
  "**/*.{test,spec,cy,e2e}.{js,jsx,ts,tsx,mjs,cjs,mts,cts,vue,svelte,dart}",
  "**/*[-_]test.{js,ts,mjs,mts,go,py,exs,dart,cc,cpp,rb,ex,lua}",
  "**/*_spec.{rb,lua,cr}",
  "**/test_*.{py,rb,c,cc,cpp,ts,js}",
  "**/*{Test,Tests,TestCase,Spec,IT}.{java,kt,kts,scala,groovy,cs,fs,vb,swift,php}",
  "**/{test,tests,spec,specs,__tests__,testing,t}/**",
  "**/src/{test,androidTest,integrationTest}/**",
  "**/*.{bats,tftest.hcl,feature}",
  "**/*Tests/**/*.{swift,cs}",
];

/** Whether a path is a test by the conventions of its ecosystem. */
export const isTestFile: (path: string) => boolean = globMatcher(patterns);
