import { Template } from '@huggingface/jinja';
import { MillraceError } from '../errors.ts';
import type { Prompt, PromptMessage } from '../spec/engine.ts';

/** A piece of a rendered prompt: text of the template, which may hold control tokens, or one part of a message, which is data. */
export type PromptSegment =
  | { readonly type: 'template'; readonly text: string }
  /** `part` counts the parts of all messages in order. */
  | { readonly type: 'part'; readonly part: number; readonly text: string };

export interface ChatTemplate {
  /**
   * The prompt through the template, up to where the assistant's answer begins.
   * @throws MillraceError E_TEMPLATE_INVALID when the template fails, or leaves out, repeats or reorders a part
   */
  render(prompt: Prompt): PromptSegment[];
}

/** Special tokens as text, for templates that write them. */
export interface TemplateTokens {
  readonly beginToken: string;
  readonly endToken: string;
}

/**
 * Renders prompts with a model's own chat template. The template never sees the texts: each part stands in it as a marker of private-use
 * characters that do not occur in the template, and the rendered text is cut at the markers. So no text, whatever it contains, can
 * change how the prompt is cut or act on the template.
 *
 * @param source the template in Jinja, as in the model's file
 * @throws MillraceError E_TEMPLATE_INVALID when the template cannot be parsed
 */
export function createChatTemplate(source: string, tokens: TemplateTokens): ChatTemplate {
  const template = parseTemplate(source);
  const [open, close] = unusedCharacters(source + tokens.beginToken + tokens.endToken);
  const marker = (part: number) => `${open}${part}${close}`;

  function renderMarked(messages: readonly MarkedMessage[], parts: readonly string[]): PromptSegment[] {
    let rendered: string;
    try {
      rendered = template.render({
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: true,
        bos_token: tokens.beginToken,
        eos_token: tokens.endToken,
        enable_thinking: false,
      });
    } catch (cause) {
      throw new MillraceError('E_TEMPLATE_INVALID', `The chat template of the model failed: ${(cause as Error).message}`, { cause });
    }
    return cut(rendered, parts);
  }

  function cut(rendered: string, parts: readonly string[]): PromptSegment[] {
    const segments: PromptSegment[] = [];
    let position = 0;
    parts.forEach((text, part) => {
      const at = rendered.indexOf(marker(part), position);
      if (at === -1)
        throw new MillraceError('E_TEMPLATE_INVALID', 'The chat template of the model leaves out or reorders a part of the prompt.');
      if (at > position) segments.push({ type: 'template', text: rendered.slice(position, at) });
      segments.push({ type: 'part', part, text });
      position = at + marker(part).length;
    });
    if (position < rendered.length) segments.push({ type: 'template', text: rendered.slice(position) });
    const strays = segments.some((segment) => segment.type === 'template' && (segment.text.includes(open) || segment.text.includes(close)));
    if (strays) throw new MillraceError('E_TEMPLATE_INVALID', 'The chat template of the model repeats a part of the prompt.');
    return segments;
  }

  return {
    render(prompt) {
      const parts = prompt.messages.flatMap((message) => message.parts);
      const messages = mark(prompt.messages, marker);
      try {
        return renderMarked(messages, parts);
      } catch (error) {
        const merged = withoutSystem(messages);
        if (merged === undefined) throw error;
        return renderMarked(merged, parts);
      }
    },
  };
}

interface MarkedMessage {
  readonly role: PromptMessage['role'];
  readonly content: string;
}

function mark(messages: readonly PromptMessage[], marker: (part: number) => string): MarkedMessage[] {
  let part = 0;
  return messages.map((message) => ({ role: message.role, content: message.parts.map(() => marker(part++)).join('') }));
}

/** For templates that know no system role: its content goes before that of the first user message. */
function withoutSystem(messages: readonly MarkedMessage[]): MarkedMessage[] | undefined {
  const [system, first, ...rest] = messages;
  if (system?.role !== 'system' || first?.role !== 'user') return undefined;
  return [{ role: 'user', content: `${system.content}\n\n${first.content}` }, ...rest];
}

function parseTemplate(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    throw new MillraceError('E_TEMPLATE_INVALID', `The chat template of the model cannot be parsed: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Two characters of the private use area that `text` does not contain. */
function unusedCharacters(text: string): [string, string] {
  const used = new Set(text);
  const found: string[] = [];
  for (let code = 0xe000; code <= 0xf8ff && found.length < 2; code++) {
    const character = String.fromCharCode(code);
    if (!used.has(character)) found.push(character);
  }
  const [open, close] = found;
  if (open === undefined || close === undefined)
    throw new MillraceError('E_TEMPLATE_INVALID', 'The chat template of the model uses every private-use character.');
  return [open, close];
}
