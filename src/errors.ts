/**
 * The error catalogue. Every failure that leaves millrace is a `MillraceError` with one of these codes; the table below is
 * the only place where a code is tied to its exit code, its HTTP status and whether a retry can help. `docs/reference/errors.md`
 * is kept equal to it by a test.
 */

/** One line of the catalogue. `exitCode` is what the command line ends with when this error ends the command. */
export interface ErrorEntry {
  readonly exitCode: 1 | 2 | 3 | 130;
  readonly httpStatus: number;
  /** True where the same call may succeed later without a change by the user. Only the scheduler retries. */
  readonly retryable: boolean;
  /** What the code means, in one sentence, for the reference. */
  readonly meaning: string;
  /** What the user can do about it, in one sentence. */
  readonly remedy: string;
}

function entry(exitCode: ErrorEntry['exitCode'], httpStatus: number, retryable: boolean, meaning: string, remedy: string): ErrorEntry {
  return { exitCode, httpStatus, retryable, meaning, remedy };
}

export const errorCatalogue = {
  // Use of the tool
  E_USAGE: entry(
    2,
    400,
    false,
    'The command line, an option or an argument is not valid.',
    'Run the command with --help and correct the call.',
  ),
  E_CONFIG_INVALID: entry(
    2,
    400,
    false,
    'A configuration file, environment variable or option has a value that is not allowed.',
    'Correct the named setting; docs/reference/config.md lists all.',
  ),
  E_INPUT_INVALID: entry(2, 400, false, 'An argument of a library call does not have the documented shape.', 'Correct the named field.'),
  E_STAGE_FAILED: entry(
    1,
    502,
    false,
    'A stage that the program registered failed.',
    'Mend the stage; its own error is the cause of this one.',
  ),
  E_PIPELINE_INVALID: entry(
    2,
    400,
    false,
    'A pipeline has a key or value that is not valid, or asks for what this version cannot do.',
    'Correct the named key; docs/guides/pipelines.md lists all.',
  ),
  E_NODE_TOO_OLD: entry(1, 500, false, 'The running Node.js is older than millrace supports.', 'Use Node.js 22.18 or newer.'),
  E_PLATFORM_UNSUPPORTED: entry(
    1,
    501,
    false,
    'There is no prebuilt inference library for this operating system and processor.',
    'Use a supported platform or an OpenAI-compatible server.',
  ),
  E_INTERNAL: entry(1, 500, false, 'A condition that millrace believes impossible occurred.', 'Report it with the message and the stack.'),
  E_NOT_AVAILABLE: entry(
    1,
    501,
    false,
    'This capability is part of the interface, but not of this version.',
    'See CHANGELOG.md for what this version does.',
  ),

  // Ending of work
  E_CANCELLED: entry(130, 499, false, 'The work was cancelled by its caller.', 'Start it again if the cancellation was not wanted.'),
  E_DEADLINE_EXCEEDED: entry(1, 504, true, 'The work did not end before its deadline.', 'Raise the timeout or reduce the work.'),
  E_OVERLOADED: entry(1, 429, true, 'More work is waiting than the limits allow.', 'Try again after the stated time.'),
  E_WORK_TOO_LARGE: entry(
    1,
    413,
    false,
    'One piece of work is larger than its lane can ever admit.',
    'Split it, or raise the limit that is named.',
  ),
  E_SHUTTING_DOWN: entry(1, 503, true, 'The work arrived while millrace was closing.', 'Open the directory again and repeat the call.'),

  // Models
  E_MODEL_UNKNOWN: entry(
    2,
    404,
    false,
    'No catalogue entry, file or hub address has this name.',
    'Run "millrace models list", or give a path or hf:owner/repository/file.gguf.',
  ),
  E_MODEL_NOT_INSTALLED: entry(
    1,
    409,
    false,
    'The model is known but its weights are not on this machine.',
    'Run "millrace models pull <id>".',
  ),
  E_MODEL_INVALID: entry(
    1,
    422,
    false,
    'The file is not a GGUF model that this version can load, or it is cut short.',
    'Fetch the file again or choose another model.',
  ),
  E_MODEL_TAMPERED: entry(
    1,
    422,
    false,
    'The sha256 of a model file differs from the catalogue or from the record made when it was installed.',
    'Run "millrace models remove <id>" and pull it again.',
  ),
  E_MODEL_UNSUITABLE: entry(2, 422, false, 'The model cannot do the task it was chosen for.', 'Choose a model of the right task.'),
  E_MODEL_TOO_LARGE: entry(
    1,
    507,
    true,
    'There is not enough free memory to load a generator beside those that are loaded.',
    'Use it in a program of its own, free memory, or choose a smaller model.',
  ),
  E_DOWNLOAD_FAILED: entry(
    1,
    502,
    true,
    'None of the sources of a model could be fetched.',
    'Check network and proxy, use another source, or place the file by hand.',
  ),
  E_DISK_FULL: entry(
    1,
    507,
    true,
    'The disk that holds models or the directory is full.',
    'Free the stated amount of space and repeat the command.',
  ),

  E_PREFIX_NOT_KEPT: entry(
    1,
    507,
    true,
    'What was read ahead could not be kept in memory or on disk.',
    'Free disk space, or raise prefixDiskBytes; what was read before is kept, and the same command goes on.',
  ),

  // Engines
  E_ENGINE_LIBRARY: entry(
    1,
    500,
    false,
    'The native inference library is missing or does not have the expected version and layout.',
    'Install millrace again with optional dependencies enabled.',
  ),
  E_ENGINE_CRASHED: entry(
    1,
    502,
    true,
    'The inference process ended while it was working.',
    'Repeat the call; if it happens again, report it with the log lines in the message.',
  ),
  E_ENGINE_UNAVAILABLE: entry(
    1,
    503,
    true,
    'The inference process ends at every call; it is tried again after growing pauses, and a run stops meanwhile.',
    'Try again after the stated time; "millrace doctor" and the log lines of E_ENGINE_CRASHED may say why.',
  ),
  E_ENGINE_FAILED: entry(1, 502, false, 'The inference library refused a step.', 'Report it with the message.'),
  E_CONTEXT_EXCEEDED: entry(
    1,
    413,
    false,
    'Prompt and answer together are longer than the model or its context can hold.',
    'Shorten the question, or allow fewer tokens of passages or of the answer.',
  ),
  E_TEMPLATE_INVALID: entry(
    1,
    422,
    false,
    'The chat template of the model cannot be rendered.',
    'Use a model with a chat template that millrace can render.',
  ),
  E_SCHEMA_UNSUPPORTED: entry(
    2,
    422,
    false,
    'A JSON schema uses a keyword that cannot be turned into a grammar.',
    'Remove the named keyword.',
  ),

  E_ANSWER_INVALID: entry(
    1,
    422,
    false,
    'What the model wrote has not the form that was asked for.',
    'Ask in other words, allow more tokens, or take a larger model.',
  ),

  // Store
  E_LOCKED: entry(1, 423, true, 'Another process is writing to this directory.', 'Wait for it, or stop it; reading works meanwhile.'),
  E_STORE_FAILED: entry(1, 500, false, 'The record could not be read or written.', 'Check the disk; run "millrace verify".'),
  E_STORE_CORRUPT: entry(1, 500, false, 'The record or an index is damaged.', 'Run "millrace verify", then "millrace rebuild".'),
  E_STORE_VERSION: entry(
    1,
    409,
    false,
    'The directory was written by a newer version of millrace.',
    'Update millrace, or use another directory.',
  ),
  E_STORE_MISSING: entry(1, 404, false, 'The directory holds no record yet.', 'Run "millrace ingest <paths>" first.'),
  E_NO_DOCUMENTS: entry(1, 404, false, 'The record holds no documents yet.', 'Run "millrace ingest <paths>" first.'),
  E_EMBEDDER_MISMATCH: entry(
    1,
    409,
    false,
    'The collection was embedded with another embedder than the one asked for.',
    'Use the embedder of the collection or ingest into another collection.',
  ),
  E_RUN_CHANGED: entry(
    2,
    409,
    false,
    'What a run is asked to go on with is not what it began with.',
    'Give the questions, models and options it began with, or start a new run.',
  ),
  E_OUTPUT_EXISTS: entry(
    2,
    409,
    false,
    'The file that results would be written to exists already.',
    'Name another file, or repeat the command with --force.',
  ),
  E_RUN_STATE: entry(2, 409, false, 'The run is not in a state that allows this.', 'Look at its state with "millrace runs show <id>".'),
  E_NOT_FOUND: entry(
    1,
    404,
    false,
    'There is no document, source, run or collection with this id.',
    'List what there is and correct the id.',
  ),

  // Documents
  E_SOURCE_MISSING: entry(1, 404, false, 'A path or pattern names nothing.', 'Correct the path.'),
  E_SOURCE_UNREADABLE: entry(
    1,
    403,
    false,
    'A file exists but cannot be read, or is not a regular file.',
    'Change its permissions or leave it out.',
  ),
  E_SOURCE_CHANGED: entry(1, 409, true, 'A file changed while it was being read.', 'Ingest it again when it is no longer written to.'),
  E_SOURCE_TOO_LARGE: entry(
    1,
    413,
    false,
    'A file is larger than the limit for one document.',
    'Split it or raise the limit that is named.',
  ),
  E_DOCUMENT_EMPTY: entry(1, 422, false, 'A file holds no text.', 'Nothing to do if that is expected; scanned pages need OCR.'),
  E_DOCUMENT_UNSUPPORTED: entry(
    1,
    415,
    false,
    'The content of a file is of a type that millrace cannot read.',
    'Convert it to a supported type.',
  ),
  E_DOCUMENT_ENCRYPTED: entry(1, 422, false, 'A file is protected by a password.', 'Remove the password and ingest it again.'),
  E_DOCUMENT_DAMAGED: entry(
    1,
    422,
    false,
    'A file does not follow its own format.',
    'Open it in its program, save it again and ingest the copy.',
  ),
  E_DOCUMENT_TOO_LARGE: entry(
    1,
    413,
    false,
    'A file unpacks to more than the limits for one container.',
    'Unpack it yourself and ingest the files you need.',
  ),
  E_PARSE_CRASHED: entry(
    1,
    422,
    true,
    'The parser process ended, ran out of memory or ran past its deadline on this file, twice.',
    'Report the file; the others are not affected.',
  ),
  E_PARSER_UNAVAILABLE: entry(
    1,
    503,
    false,
    'Parser processes end before they are ready to read, whatever they are given; nothing is recorded of the documents.',
    'Mend what the message names, then repeat the call; "millrace doctor" tells how documents are isolated here.',
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

export interface MillraceErrorOptions {
  readonly cause?: unknown;
  /** Facts for programs: names, limits, sizes. Must be JSON. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Milliseconds after which a retry is worth while (only with `E_OVERLOADED`, `E_ENGINE_UNAVAILABLE` and remote engines). */
  readonly retryAfterMs?: number;
  /** True when part of a result already left the library, so that a retry could deliver it twice. */
  readonly delivered?: boolean;
}

/** JSON form of an error, as it stands in `--json`, in events and in the record. */
export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
  readonly retryable: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryAfterMs?: number;
}

/**
 * An error with a code of the catalogue. `message` is a sentence that says what happened and to what; `remedy` says what to do
 * (from the catalogue, unless the thrower knows better).
 */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterMs: number | undefined;
  readonly delivered: boolean;

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions & { readonly remedy?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MillraceError';
    this.code = code;
    this.remedy = options.remedy ?? errorCatalogue[code].remedy;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
    this.delivered = options.delivered ?? false;
  }

  get entry(): ErrorEntry {
    return errorCatalogue[this.code];
  }

  get retryable(): boolean {
    return this.entry.retryable;
  }

  toJSON(): ErrorData {
    return {
      code: this.code,
      message: this.message,
      remedy: this.remedy,
      retryable: this.retryable,
      ...(this.details === undefined ? {} : { details: this.details }),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    };
  }

  /** The inverse of `toJSON`, for errors that crossed a process boundary. */
  static fromJSON(data: ErrorData, options: { readonly delivered?: boolean } = {}): MillraceError {
    return new MillraceError(data.code, data.message, {
      remedy: data.remedy,
      ...(data.details === undefined ? {} : { details: data.details }),
      ...(data.retryAfterMs === undefined ? {} : { retryAfterMs: data.retryAfterMs }),
      ...(options.delivered === undefined ? {} : { delivered: options.delivered }),
    });
  }
}

export function isMillraceError(value: unknown): value is MillraceError {
  return value instanceof MillraceError;
}

/** Any thrown value as a `MillraceError`: one of ours stays as it is, an abort becomes `E_CANCELLED`, a timed-out signal `E_DEADLINE_EXCEEDED`, a full disk `E_DISK_FULL`, the rest `fallback`. */
export function toMillraceError(value: unknown, fallback: ErrorCode = 'E_INTERNAL', what?: string): MillraceError {
  if (isMillraceError(value)) return value;
  const prefix = what === undefined ? '' : `${what}: `;
  if (value instanceof Error) {
    if (value.name === 'TimeoutError')
      return new MillraceError('E_DEADLINE_EXCEEDED', `${prefix}The time of the caller’s signal is over.`, { cause: value });
    if (value.name === 'AbortError') return new MillraceError('E_CANCELLED', `${prefix}The work was cancelled.`, { cause: value });
    const systemCode = (value as NodeJS.ErrnoException).code;
    if (systemCode === 'ENOSPC' || systemCode === 'EDQUOT' || systemCode === 'SQLITE_FULL') {
      return new MillraceError('E_DISK_FULL', `${prefix}${value.message}`, { cause: value });
    }
    return new MillraceError(fallback, `${prefix}${value.message}`, { cause: value });
  }
  return new MillraceError(fallback, `${prefix}${String(value)}`, { cause: value });
}
