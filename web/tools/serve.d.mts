export function serve(root: string, port?: number): Promise<{ url: string; close: () => void }>;
