import { posix } from 'node:path';
import type { ParsedContent } from '../../spec/parser.ts';
import { canonicalText } from '../canonical-text.ts';
import { childElement, childElements, descendants, parseXmlBytes, xmlAttribute, type XmlElement, xmlText } from '../xml-tree.ts';
import { openZip, type ZipArchive } from '../zip.ts';

export type DocumentProperties = Pick<ParsedContent, 'title' | 'author' | 'language' | 'createdAt' | 'modifiedAt'>;

export interface Relationship {
  /** The last part of its type, for example "footnotes". */
  readonly type: string;
  /** Path of a part inside the package; what lies outside is never followed. */
  readonly part: string;
}

/** An Office Open XML package: parts, and relationships that lead from one to another. */
export interface OpenPackage {
  readonly archive: ZipArchive;
  /** The part that the package begins with. */
  readonly mainPart: string | undefined;
  /** The tree of a part, `undefined` where it does not exist. */
  part(path: string | undefined): Promise<XmlElement | undefined>;
  /** Id → relationship of a part, without external ones. */
  relationships(path: string): Promise<ReadonlyMap<string, Relationship>>;
  properties(): Promise<DocumentProperties>;
}

export async function openPackage(bytes: Uint8Array, name: string): Promise<OpenPackage> {
  const archive = await openZip(bytes, name);

  async function part(path: string | undefined): Promise<XmlElement | undefined> {
    const content = path === undefined ? undefined : await archive.readIfThere(path);
    return content === undefined ? undefined : parseXmlBytes(content);
  }

  async function relationships(path: string): Promise<ReadonlyMap<string, Relationship>> {
    const folder = posix.dirname(path);
    const tree = await part(posix.join(folder, '_rels', `${posix.basename(path)}.rels`));
    const found = new Map<string, Relationship>();
    for (const relationship of childElements(childElement(tree, 'Relationships'), 'Relationship')) {
      const { Id: id, Type: type, Target: target, TargetMode: mode } = relationship.attributes;
      if (id === undefined || type === undefined || target === undefined || mode?.toLowerCase() === 'external') continue;
      const absolute = target.startsWith('/') ? target.slice(1) : posix.join(folder, target);
      found.set(id, { type: type.slice(type.lastIndexOf('/') + 1), part: absolute });
    }
    return found;
  }

  const packageRelations = [...(await relationships('')).values()];
  const mainPart = packageRelations.find(({ type }) => type === 'officeDocument')?.part;
  return {
    archive,
    mainPart,
    part,
    relationships,
    async properties() {
      const core = packageRelations.find(({ type }) => type === 'core-properties')?.part ?? 'docProps/core.xml';
      return propertiesOf(await part(core));
    },
  };
}

/** Title, author and times of Office Open XML, OpenDocument and EPUB, which all use the names of Dublin Core. */
export function propertiesOf(tree: XmlElement | undefined): DocumentProperties {
  if (tree === undefined) return {};
  const values = new Map<string, string>();
  for (const element of descendants(tree)) {
    const text = canonicalText(xmlText(element)).replace(/\s+/g, ' ').trim();
    if (text !== '' && !values.has(element.name)) values.set(element.name, text);
  }
  const title = values.get('title');
  // The creator of OpenDocument is who wrote to it last.
  const author = values.get('initial-creator') ?? values.get('creator');
  const language = values.get('language');
  const createdAt = time(values.get('created') ?? values.get('creation-date'));
  const modifiedAt = time(values.get('modified') ?? values.get('date'));
  return {
    ...(title === undefined ? {} : { title }),
    ...(author === undefined ? {} : { author }),
    ...(language === undefined || !/^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$/.test(language) ? {} : { language }),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  };
}

function time(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d{4}-\d{2}-\d{2}/.test(value)) return undefined;
  // Without a zone they are UTC.
  const milliseconds = Date.parse(/[zZ]|[+-]\d{2}:?\d{2}$/.test(value) || value.length <= 10 ? value : `${value}Z`);
  return Number.isFinite(milliseconds) ? milliseconds : undefined;
}

/** The part that a relationship of this type leads to. */
export function relatedPart(relations: ReadonlyMap<string, Relationship>, type: string): string | undefined {
  return [...relations.values()].find((relation) => relation.type === type)?.part;
}

/** The part that an attribute with a relationship id leads to. */
export function linkedPart(
  relations: ReadonlyMap<string, Relationship>,
  element: XmlElement | undefined,
  name = 'r:id',
): string | undefined {
  return relations.get(xmlAttribute(element, name) ?? '')?.part;
}
