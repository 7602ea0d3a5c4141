import { useState } from 'react';
import { finalize, take } from 'rxjs';
import { explain } from '../../api/problem';
import { type ListQuery, toParams } from '../../domain/query';
import { useServices } from '../../services';

/** Exports the list as CSV. Returns whether an export is running, and a function that starts one. */
export function useExport(query: ListQuery): [boolean, () => void] {
  const { api, toasts } = useServices();
  const [exporting, setExporting] = useState(false);
  const start = () => {
    setExporting(true);
    api
      .csv(toParams({ ...query, cursor: undefined }))
      .pipe(
        take(1),
        finalize(() => setExporting(false)),
      )
      .subscribe({
        next: (file) => download(file, 'orders.csv'),
        error: (error: unknown) => toasts.show(`Export failed. ${explain(error)}`, { tone: 'bad' }),
      });
  };
  return [exporting, start];
}

function download(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
