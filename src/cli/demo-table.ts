import Table from 'cli-table3';
import type { Attendance } from './demo-api.ts';

/** People, status, minutes and the explanation in words. */
export function attendanceTable({ records }: Attendance): string {
  const table = new Table({
    head: ['who', 'status', 'minutes', '%', 'why'],
    colWidths: [24, 10, 9, 8, 74],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const record of records) {
    table.push([
      `${record.email}\n${record.role}`,
      record.status,
      record.duration_minutes.toFixed(2),
      record.attendance_percentage.toFixed(2),
      record.explanation,
    ]);
  }
  return table.toString();
}
