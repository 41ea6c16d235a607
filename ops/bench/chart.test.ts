import { expect, test } from 'bun:test';

import { toBarChart } from './chart.ts';

const chart = (values: readonly number[]) =>
  toBarChart({
    title: 'A & B',
    note: 'measured <today>',
    groups: values.map(String),
    series: [{ name: 'one', values }],
  });

test('the highest bar fits, and bars are as high as their values say', () => {
  const heights = [...chart([10, 20, 40]).matchAll(/height="([\d.]+)" fill="#1f4e79"/g)].map(([, height]) =>
    Number(height),
  );
  expect(heights[0]).toBe(12);
  expect(heights.slice(1)).toEqual([54.5, 109, 218]);
});

test('words are escaped, and values stand above their bars', () => {
  const svg = chart([7.4]);
  expect(svg).toContain('A &amp; B');
  expect(svg).toContain('measured &lt;today&gt;');
  expect(svg).toContain('>7</text>');
});
