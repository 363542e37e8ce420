/**
 * The files of a container, those of containers inside it included: their keys begin with its own and "!/" ("0" is the character after
 * "/"). A file of the disk, which has a time of modification, and what a program handed over to be kept are nobody's, whatever they are
 * called. Parameters: `collection`, `container`.
 */
export const isMember = `collection = @collection AND key > @container || '!/' AND key < @container || '!0' AND mtime IS NULL AND blob IS NULL`;
