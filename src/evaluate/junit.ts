import type { CheckResult } from './check-documents.ts';
import { escapeMarkup as text } from './escape-markup.ts';

/** Results as JUnit XML, as continuous integration reads it. A failure that is known from the baseline is skipped with its reason. */
export function junitReport(name: string, results: readonly CheckResult[], properties: Readonly<Record<string, string>>): string {
  const failures = results.filter((one) => one.status === 'failed' && !one.known).length;
  const skipped = results.filter((one) => one.status === 'skipped' || one.known).length;
  const seconds = results.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0) / 1_000;
  const counts = `tests="${results.length}" failures="${failures}" errors="0" skipped="${skipped}" time="${seconds.toFixed(3)}"`;
  const facts = Object.entries(properties).map(([key, value]) => `      <property name="${text(key)}" value="${text(value)}"/>`);
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites ${counts}>
  <testsuite name="${text(name)}" ${counts}>
    <properties>
${facts.join('\n')}
    </properties>
${results.map((one) => testCase(name, one)).join('\n')}
  </testsuite>
</testsuites>
`;
}

function testCase(suite: string, result: CheckResult): string {
  const { id, question, problems, answer, elapsedMs } = result;
  const title = id === question ? question : `${id}: ${question}`;
  const head = `    <testcase classname="${text(suite)}" name="${text(title)}" time="${(elapsedMs / 1_000).toFixed(3)}"`;
  const said = text(problems.join(' '));
  if (result.status === 'passed') return `${head}/>`;
  if (result.status === 'skipped') return `${head}><skipped message="${said}"/></testcase>`;
  if (result.known) return `${head}><skipped message="${text(`Known: ${problems.join(' ')}`)}"/></testcase>`;
  return `${head}><failure message="${said}">${text(answer === null ? problems.join('\n') : `Answer: ${answer}`)}</failure></testcase>`;
}
