import { tmpdir } from "node:os";
import { join } from "node:path";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// In production a load balancer sends these paths to the backend; in development Vite does.
const backend = process.env.BACKEND_ORIGIN ?? "http://backend:3000";

export default defineConfig({
  root: "src",
  // The development container's user may write nowhere else.
  cacheDir: join(tmpdir(), "vite"),
  plugins: [react()],
  build: { outDir: "../dist", emptyOutDir: true },
  server: {
    host: true,
    port: 8080,
    strictPort: true,
    proxy: { "/goals": backend, "/version": backend },
    // Only where the file system passes no change events on (some network and virtual machine mounts).
    watch: { usePolling: process.env.WATCH_POLLING === "true" },
  },
  test: {
    root: ".",
    environment: "jsdom",
    include: ["tests/**/*.test.jsx"],
    // One run in a container that is thrown away: nothing to keep.
    fsModuleCache: false,
  },
});
