/** The media type of source code and settings. By itself, because a process that only reads documents needs no schema. */
export const sourceCodeType = 'text/x-source';
