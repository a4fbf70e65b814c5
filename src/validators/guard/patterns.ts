/** How tests look in one language. Lines are matched one by one; a line that is a comment matches nothing. */
export interface TestLanguage {
  name: string;
  files: readonly string[];
  /** `false`: only in files that are tests by name. Elsewhere (Rust, say) tests stand beside the code. */
  anywhere: boolean;
  comment: RegExp;
  /** A line that declares a test; the first group is its name. */
  test: RegExp;
  /** For languages that mark tests on a line of their own: the mark, after which `test` gives the name. */
  mark?: RegExp;
  /** A line that takes tests out of the run, but for those that say under which condition. */
  skip: RegExp;
  /** A line that takes all other tests out of the run. */
  focus?: RegExp;
  assert: RegExp;
  /** Asserts nothing: does not count. */
  trivial?: RegExp;
}

const slashes = /^\s*(?:\/\/|\*|\/\*)/;
const hash = /^\s*#(?![[!])/;
export const testLanguages: readonly TestLanguage[] = [
  {
    name: "JavaScript",
    files: ["**/*.{js,jsx,ts,tsx,mjs,cjs,mts,cts,vue,svelte}"],
    anywhere: false,
    comment: slashes,
    // The name may stand behind arguments (`it.skipIf(…)("adds"`) and behind a table of its own lines (`])("adds"`).
    test:
      /^\s*(?:(?:x|f)?(?:it|test)|specify|Deno\.test)\b.*?\(\s*["'`](.*?)["'`]\s*[,)]?|^[\s\])`]*\)\(\s*["'`](.*?)["'`]/,
    skip:
      /^\s*(?:x(?:it|test|describe|specify|context)\s*\(|(?:it|test|describe|suite|context|bench)\s*(?:\.\w+)*\.(?:skip|todo|fixme|fails)\b(?!If)|(?:this|t|ctx|context)\.(?:skip|todo)\s*\()|[{,]\s*(?:skip|todo|ignore)\s*:\s*(?!false\b)/,
    focus:
      /^\s*(?:f(?:it|describe|context)\s*\(|(?:it|test|describe|suite|context|specify)\s*(?:\.\w+)*\.only\b)|[{,]\s*only\s*:\s*true/,
    assert:
      /\b(?:expect\w*|assert\w*|should|chai|t\.(?:is|true|false|deepEqual|equal|ok|same|throws|plan))\b|\.should\b|\.toMatchSnapshot\b/,
    trivial:
      /\bexpect\(\s*(true|false|1|null|undefined|['"`]\w*['"`])\s*\)\.to(?:Be|Equal|StrictEqual)?\w*\(\s*\1?\s*\)|\bassert(?:\.ok|\.equal|\.strictEqual)?\(\s*(?:true|1|1, 1|true, true)\s*\)/,
  },
  {
    name: "Python",
    files: ["**/*.py"],
    anywhere: false,
    comment: /^\s*#/,
    test: /^\s*(?:async\s+)?def\s+(test\w*)\s*\(/,
    skip:
      /^\s*@(?:pytest\.mark\.(?:skip|xfail)\b(?!if)|unittest\.(?:skip|expectedFailure)\b(?!If|Unless)|skip\b)|^\s*(?:pytest\.(?:skip|xfail)|self\.skipTest)\s*\(|^\s*raise\s+(?:unittest\.)?SkipTest\b|^\s*pytestmark\s*=.*\bskip\b|^\s*collect_ignore(?:_glob)?\s*=/,
    assert: /\bassert\b|\bself\.(?:assert|fail)\w*\(|\b(?:pytest\.)?raises\(|\bassert_\w+\(/,
    trivial:
      /\bassert\s+(?:True|1|not False|1 == 1|True is True|True == True)\s*(?:$|[,#])|\bassertTrue\(\s*True\s*\)|\bassertEqual\(\s*(\w+),\s*\1\s*\)/,
  },
  {
    name: "Go",
    files: ["**/*_test.go"],
    anywhere: true,
    comment: /^\s*\/\/(?!go:build)/,
    test: /^func\s+((?:Test|Benchmark|Fuzz|Example)\w*)\s*\(/,
    skip:
      /^\s*\w+\.(?:Skip|Skipf|SkipNow)\s*\(|^\s*\/\/go:build\s+(?:ignore|never)\b|^\s*(?:P|X)(?:It|Describe|Context)\s*\(/,
    focus: /^\s*F(?:It|Describe|Context|Specify)\s*\(/,
    assert:
      /\bt\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\s*\(|\b(?:assert|require|is|qt|check)\.\w+\s*\(|\bExpect\s*\(|\/\/ (?:Unordered o|O)utput:|\bcmp\.Diff\(/,
    trivial: /\b(?:assert|require)\.True\(\s*t,\s*true\s*\)/,
  },
  {
    name: "Rust",
    files: ["**/*.rs"],
    anywhere: true,
    comment: slashes,
    mark: /^\s*#\[(?:\w+::)*(?:test|rstest|test_case|wasm_bindgen_test|proptest)\b/,
    test: /^\s*(?:pub\s+)?(?:async\s+)?fn\s+(\w+)/,
    skip: /^\s*#\[ignore\b|^\s*#\[cfg\((?:any\(\)|FALSE|never)\)\]/,
    assert: /\b(?:debug_)?assert(?:_\w+)?!|\bpanic!|\bprop_assert\w*!|#\[should_panic|\.unwrap\(\)|\?;/,
    trivial: /\bassert!\(\s*true\s*\)|\bassert_eq!\(\s*(\w+),\s*\1\s*\)/,
  },
  {
    name: "Java and Kotlin",
    files: ["**/*.{java,kt,kts,groovy,scala}"],
    anywhere: true,
    comment: slashes,
    mark: /^\s*@(?:\w+\.)*(?:Test|ParameterizedTest|RepeatedTest|TestFactory|Property)\b/,
    test:
      /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:public\s+|private\s+|protected\s+|internal\s+|static\s+|final\s+|suspend\s+)*(?:fun|void|\w[\w<>,\s]*)\s+(`[^`]+`|\w+)\s*\(/,
    skip:
      /^\s*@(?:\w+\.)*(?:Disabled|Ignore)\b|@Test\s*\([^)]*enabled\s*=\s*false|^\s*(?:Assume|Assumptions)\.\w+\(\s*(?:false|true)\s*\)|^\s*xit?\s*\(/,
    assert: /\bassert\w*\b|\bAssert\.\w+|\bverify\s*\(|\bexpect\w*\(|\bshould\w*\b|\bfail\s*\(/,
    trivial: /\bassertTrue\(\s*true\s*\)|\bassertEquals\(\s*(\w+),\s*\1\s*\)/,
  },
  {
    name: "Ruby",
    files: ["**/*.rb"],
    anywhere: false,
    comment: hash,
    test: /^\s*(?:(?:x|f)?(?:it|specify|scenario|example)|test)[\s(]+["'](.*?)["']|^\s*def\s+(test_\w+)/,
    skip:
      /^\s*x(?:it|describe|context|specify|scenario)\b|^\s*(?:skip|pending)\b(?!.*\b(?:if|unless)\b)|,\s*:?(?:skip|pending)\b(?:\s*=>|:)?\s*(?!.*\bfalse)/,
    focus: /^\s*f(?:it|describe|context|specify|scenario)\b|,\s*(?::focus\b|focus:\s*true)/,
    assert: /\bexpect\b|\bassert\w*\b|\brefute\w*\b|\.should\b|\bmust_\w+|\bwont_\w+|\bis_expected\b/,
    trivial: /\bassert\s*\(?\s*true\b|\bexpect\(\s*true\s*\)\.to (?:be true|eq\(?\s*true)/,
  },
  {
    name: "C#",
    files: ["**/*.{cs,fs,vb}"],
    anywhere: true,
    comment: slashes,
    mark: /^\s*\[(?:\w+\.)*(?:Fact|Theory|Test|TestCase|TestMethod|DataTestMethod)\b/,
    test:
      /^\s*(?:public|private|internal|protected)\s+(?:static\s+|async\s+|override\s+|virtual\s+)*[\w<>[\],]+\s+(\w+)\s*\(/,
    skip: /^\s*\[(?:\w+\.)*(?:Ignore|Explicit)\b|\bSkip\s*=\s*"|^\s*Assert\.(?:Ignore|Inconclusive)\s*\(/,
    assert: /\bAssert\w*\b|\.Should\w*\(|\.Verify\w*\(|\bExpect\w*\(/,
    trivial: /\bAssert\.(?:True|IsTrue|That)\(\s*true\s*\)/,
  },
  {
    name: "shell",
    files: ["**/*.{sh,bash,bats,zsh}"],
    anywhere: false,
    comment: hash,
    test: /^\s*@test\s+["']?(.*?)["']?\s*\{|^\s*(?:function\s+)?(test\w*)\s*\(\)/,
    skip: /^\s*(?:skip|startSkipping)\b/,
    focus: /^#?\s*bats (?:test_tags=)?.*\bfocus\b/,
    assert:
      /^\s*(?:\[\[?|test|run|grep|diff|cmp|assert\w*|refute\w*|!)\s|\b(?:assert|refute|fail)\w*\b|\|\|\s*(?:exit|return|fail)/,
    trivial: /^\s*(?:\[ 1 -eq 1 \]|true|:|assert true)\s*$/,
  },
];

/** What may not be loosened beside tests. The names are those of the plan's `allows`. */
export interface ConfigKind {
  allows: "tests" | "lint" | "ci" | "coverage";
  files: readonly string[];
  /** Whether the file itself is the check, so that deleting it is loosening. */
  whole: boolean;
  /** An added line that loosens, whatever was there. */
  loose?: RegExp;
  /** A removed line that checked something: the first group, or the match, must come back in an added line. */
  check?: RegExp;
  /** A setting whose value must not fall (off, warn, error; false, true): its name, its value. */
  setting?: RegExp;
  /** Lists that must not grow (`ignore`), and lists that must not shrink (`select`), by the name that they stand under. */
  lists?: { notLonger: RegExp; notShorter: RegExp };
  /** A number that must not fall: its name, the number. */
  threshold?: RegExp;
}

export const lintFiles = [
  "**/.{eslintrc,eslintrc.*,oxlintrc.json,stylelintrc,stylelintrc.*,pylintrc,flake8,rubocop.yml,rubocop_todo.yml}",
  "**/.{golangci.yml,golangci.yaml,golangci.toml,swiftlint.yml,markdownlint.json,markdownlint.yaml,hadolint.yaml}",
  "**/{eslint,oxlint,stylelint}.config.*",
  "**/{biome.json,biome.jsonc,tslint.json,ruff.toml,.ruff.toml,mypy.ini,.mypy.ini,pyrightconfig.json,clippy.toml}",
  "**/{checkstyle.xml,pmd.xml,detekt.yml,ktlint.yml,phpstan.neon,phpcs.xml,.pre-commit-config.yaml,.eslintignore}",
];

export const configKinds: readonly ConfigKind[] = [
  {
    allows: "lint",
    files: lintFiles,
    whole: true,
    setting:
      /["']?([@\w./-]+)["']?\s*[:=]\s*\[?\s*["']?(off|warn|warning|error|deny|forbid|allow|[012]|true|false)\b["']?/i,
    lists: {
      notLonger:
        /^(?:extend-)?(?:per-file-)?(?:ignores?|ignorePatterns|excludes?|disable|disabled|allow|skip|omit|Exclude)$/i,
      notShorter: /^(?:extend-)?(?:select|enable|extends|linters|rules|plugins)$/i,
    },
  },
  {
    allows: "lint",
    files: ["**/tsconfig*.json", "**/jsconfig.json"],
    whole: false,
    setting:
      /"((?:strict|alwaysStrict|no[A-Z]|exactOptional|useUnknown|verbatim|isolated|checkJs)\w*)"\s*:\s*(true|false)/,
    loose: /"skipLibCheck"\s*:\s*true/,
  },
  {
    allows: "lint",
    files: ["**/{pyproject.toml,setup.cfg,tox.ini,Cargo.toml}"],
    whole: false,
    setting:
      /^\s*["']?((?:strict|disallow_|warn_|check_|no_implicit|unsafe_code|missing_docs|clippy)\w*|all|pedantic)["']?\s*=\s*["']?(true|false|deny|forbid|warn|allow)\b/i,
    lists: {
      notLonger: /^(?:extend-)?(?:per-file-)?(?:ignores?|exclude|disable|omit)$/i,
      notShorter: /^(?:extend-)?(?:select|enable)$/i,
    },
    loose: /^\s*(?:ignore_errors|ignore_missing_imports)\s*=\s*true/i,
  },
  {
    allows: "ci",
    files: [
      "**/.github/workflows/**",
      "**/{.gitlab-ci.yml,.travis.yml,Jenkinsfile,azure-pipelines.yml,bitbucket-pipelines.yml,appveyor.yml,.drone.yml}",
      "**/{.circleci,.buildkite,.ci,.woodpecker,.husky,.azure-pipelines}/**",
      "**/lefthook.yml",
    ],
    whole: true,
    loose:
      /\bcontinue-on-error\s*:\s*true|\ballow_failure\s*:\s*true|\|\|\s*(?:true|:|exit 0)(?:\s|$|["'])|^\s*(?:-\s*)?(?:run:\s*)?set \+e\b|^\s*-?\s*if\s*:\s*(?:\$\{\{\s*)?false\b|--no-verify\b|--pass-?[wW]ith-?[nN]o-?[tT]ests\b|--exit-zero\b|^\s*(?:paths|branches|tags)-ignore\s*:|^\s*when\s*:\s*(?:manual|never)\b/,
    check:
      /\b(tests?|specs?|lint|typecheck|type-check|tsc|eslint|oxlint|biome|ruff|mypy|pyright|pytest|tox|vitest|jest|mocha|clippy|vet|rubocop|rspec|phpunit|coverage|codecov|audit|bats|shellcheck|checkstyle|detekt|verify)\b/i,
  },
  {
    allows: "ci",
    files: ["**/package.json", "**/deno.json", "**/composer.json"],
    whole: false,
    loose:
      /^\s*"(?:pre|post)?(?:test|lint|check|typecheck|type-check|verify|ci|coverage)[\w:.-]*"\s*:\s*"(?:\s*|true|:|exit 0|echo\b[^&|;]*|.*(?:\|\|\s*(?:true|:|exit 0)|--pass-?[wW]ith-?[nN]o-?[tT]ests|;\s*(?:true|exit 0)\s*).*)"/,
    check: /^\s*"((?:test|lint|check|typecheck|type-check|verify|ci|coverage)[\w:.-]*)"\s*:\s*"/,
  },
  {
    allows: "tests",
    files: [
      "**/{vitest,vite,jest,playwright,cypress,karma,ava}.config.*",
      "**/{.mocharc,.mocharc.*,.rspec,pytest.ini,tox.ini,setup.cfg,pyproject.toml,phpunit.xml,phpunit.xml.dist,conftest.py}",
      "**/package.json",
    ],
    whole: false,
    loose:
      /\bpassWithNoTests\b["']?\s*[:=]\s*true|--(?:deselect|ignore(?:-glob)?)[= ]|\b(?:testPathIgnorePatterns|modulePathIgnorePatterns|testIgnore|excludeSpecPattern)\b|\ballowOnly\b["']?\s*[:=]\s*true|\bdangerouslyIgnoreUnhandledErrors\b["']?\s*[:=]\s*true|^\s*["']?(?:bail|forbidOnly)["']?\s*[:=]\s*false|-(?:m|k)[ =]["']?not\b|--exclude[-\w]*[= ]/,
  },
  {
    allows: "coverage",
    files: [
      "**/{vitest,vite,jest,karma}.config.*",
      "**/{.nycrc,.nycrc.*,.c8rc,.c8rc.*,.coveragerc,codecov.yml,.codecov.yml,.simplecov,sonar-project.properties}",
      "**/{package.json,pyproject.toml,setup.cfg,tox.ini,pytest.ini,pom.xml,Makefile,spec_helper.rb,test_helper.rb}",
      "**/*.{gradle,gradle.kts,csproj,props,runsettings}",
      "**/.github/workflows/**",
      "**/.gitlab-ci.yml",
    ],
    whole: false,
    threshold:
      /\b(branches|functions|lines|statements|fail[_-]under|cov-fail-under|minimum_coverage(?:_by_file)?|minimum|threshold|target|check-coverage|Threshold|global)\b["']?[^\d\n%-]{0,14}?(\d+(?:\.\d+)?)/,
  },
];

/** A threshold is one of coverage only where the file speaks of coverage. */
export const aboutCoverage = /cover|threshold|nyc|\bc8\b|jacoco|codecov|simplecov|fail[_-]under/i;

/** The name of a file that is a test even where nothing in it looks like one. */
export const testName = /(?:^|[._-])(?:tests?|spec)(?:[._-])|(?:[a-z\d](?:Test|Tests|TestCase|Spec))\.\w+$|\.bats$/;
