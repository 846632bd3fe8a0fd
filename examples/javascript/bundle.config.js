/** For `jco componentize --bundle`: these imports are the component's, as those of `wasi:` are. */
export default { external: [/^portcullis:/] };
