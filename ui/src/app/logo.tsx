export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden>
      <rect width="32" height="32" rx="8" fill="var(--accent-fill)" />
      <path d="M8 22c0-6 3-11 9-12l3-3 1 4c2 1 3 3 3 5l-3 1c-1 4-4 6-8 6z" fill="#fff" />
      <circle cx="19.5" cy="13" r="1.3" fill="var(--accent-fill)" />
    </svg>
  );
}
