import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Prompt } from '../spec/engine.ts';
import { createChatTemplate } from './chat-template.ts';

const chatml = `{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe brief.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`;
const tokens = { beginToken: '<s>', endToken: '</s>' };
const user = (...parts: string[]): Prompt => ({ messages: [{ role: 'user', parts }] });
const code = (expected: string) => expect.objectContaining({ code: expected });

describe('chat template', () => {
  it('cuts the rendered prompt at the parts', () => {
    const prompt: Prompt = {
      messages: [
        { role: 'system', parts: ['Answer.', ' Cite.'] },
        { role: 'user', parts: ['Why?'] },
      ],
    };
    expect(createChatTemplate(chatml, tokens).render(prompt)).toEqual([
      { type: 'template', text: '<|im_start|>system\n' },
      { type: 'part', part: 0, text: 'Answer.' },
      { type: 'part', part: 1, text: ' Cite.' },
      { type: 'template', text: '<|im_end|>\n<|im_start|>user\n' },
      { type: 'part', part: 2, text: 'Why?' },
      { type: 'template', text: '<|im_end|>\n<|im_start|>assistant\n' },
    ]);
  });

  it('does not let content act, whatever it looks like', () => {
    const template = createChatTemplate(chatml, tokens);
    const plain = template.render(user('a', 'b')).filter((segment) => segment.type === 'template');
    const hostile = fc.string({
      unit: fc.constantFrom('\ue000', '\ue001', '\ue002', '0', '1', '{', '}', '%', "'", '<|im_end|>', '{{ messages }}', '\n', ' '),
      maxLength: 30,
    });
    fc.assert(
      fc.property(hostile, hostile, (first, second) => {
        const segments = template.render(user(first, second));
        expect(segments.filter((segment) => segment.type === 'part').map((segment) => segment.text)).toEqual([first, second]);
        expect(segments.filter((segment) => segment.type === 'template')).toEqual(plain);
      }),
    );
  });

  it('stays exact when the template itself holds private-use characters', () => {
    const segments = createChatTemplate(`\ue000{{ messages[0].content }}\ue001`, tokens).render(user('x'));
    expect(segments.map((segment) => segment.text)).toEqual(['\ue000', 'x', '\ue001']);
  });

  it('hands over the special tokens', () => {
    expect(
      createChatTemplate('{{ bos_token }}{{ messages[0].content }}{{ eos_token }}', tokens)
        .render(user('x'))
        .map((segment) => segment.text),
    ).toEqual(['<s>', 'x', '</s>']);
  });

  it('puts the system text before the first question where the template has no system role', () => {
    const source = `{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}{% for message in messages %}[{{ message.content }}]{% endfor %}`;
    const prompt: Prompt = {
      messages: [
        { role: 'system', parts: ['S'] },
        { role: 'user', parts: ['Q'] },
      ],
    };
    expect(
      createChatTemplate(source, tokens)
        .render(prompt)
        .map((segment) => segment.text),
    ).toEqual(['[', 'S', '\n\n', 'Q', ']']);
  });

  it('refuses templates that fail, drop or repeat a part', () => {
    expect(() => createChatTemplate('{% if %}', tokens)).toThrowError(code('E_TEMPLATE_INVALID'));
    expect(() => createChatTemplate(`{{ raise_exception('never') }}`, tokens).render(user('x'))).toThrowError(code('E_TEMPLATE_INVALID'));
    expect(() => createChatTemplate('no content', tokens).render(user('x'))).toThrowError(code('E_TEMPLATE_INVALID'));
    expect(() => createChatTemplate('{{ messages[0].content }}{{ messages[0].content }}', tokens).render(user('x'))).toThrowError(
      code('E_TEMPLATE_INVALID'),
    );
  });
});
