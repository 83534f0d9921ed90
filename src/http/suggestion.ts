import { z } from 'zod';
import type { Suggestion } from '../attendance/record.ts';
import { viewClass } from '../db/classes.ts';
import { hasEventsOf } from '../db/events.ts';
import { readMarks } from '../db/marks.ts';
import { readSuggestions } from '../db/suggestions.ts';
import { MARK_STATUSES, markedStudent, standing, standingShape } from './mark-shape.ts';
import { mustBeOwn } from './own-class.ts';
import { read } from './route.ts';

const status = z.enum([...MARK_STATUSES, 'unknown']).exclude(['excused']);
const confidence = z.enum(['high', 'medium', 'low']).nullable();
const metrics = z
  .object({
    lateness_minutes: z.int().nullable().meta({ description: 'Null when nobody saw them in the class' }),
    engagement_percentage: z
      .number()
      .meta({ description: 'Activity in percent of the lesson; presence where the class had no heartbeat' }),
    active_minutes: z.number(),
  })
  .meta({ id: 'SuggestionMetrics' });
const reasons = z.array(z.string());

const suggestionSchema = z
  .object({
    ...standing,
    has_whiteboard: z.boolean().meta({ description: 'Somebody connected to the whiteboard of this class' }),
    tutor_status_suggestion: status.nullable(),
    tutor_confidence: confidence.meta({ description: 'Null with unknown' }),
    tutor_metrics: metrics.nullable(),
    tutor_reasons: reasons.nullable(),
    student_status_suggestion: status.nullable().meta({ description: 'Of the only student; else null' }),
    student_confidence: confidence,
    student_metrics: metrics.nullable(),
    student_reasons: reasons.nullable(),
    students: z.array(
      z.object({
        ...markedStudent,
        status_suggestion: status.nullable(),
        confidence,
        metrics: metrics.nullable(),
        reasons: reasons.nullable(),
      }),
    ),
  })
  .meta({ id: 'AttendanceSuggestion' });

export const suggestionRoute = read({
  path: '/api/tutor/sessions/{session_id}/attendance-suggestion',
  operationId: 'readAttendanceSuggestion',
  tag: 'marking',
  summary: 'What the rules suggest for tutor and students, and the marks that stand',
  description:
    'On what is known at this moment, so before the end it still changes. With several students the student_… fields are null and students tells of each.',
  roles: ['admin', 'teacher'],
  etag: true,
  answers: { 200: { description: 'The suggestion, with its reasons', schema: suggestionSchema } },
  async handle(tx, call): Promise<z.output<typeof suggestionSchema>> {
    const { ref, deps } = call;
    await mustBeOwn(tx, call);
    const view = await viewClass(tx, ref);
    const marked = standingShape(view, await readMarks(tx, ref));
    const suggestions = await readSuggestions(tx, ref, deps.now());
    const of = (personId = '') => shown(suggestions.get(personId));
    const tutor = of(view.roster.find(({ role }) => role === 'teacher')?.personId);
    const students = marked.students.map((student) => ({ ...student, ...of(student.person_id) }));
    const only = students.length === 1 ? of(students[0]?.person_id) : of();
    return {
      ...marked,
      has_whiteboard: await hasEventsOf(tx, ref, 'whiteboard'),
      tutor_status_suggestion: tutor.status_suggestion,
      tutor_confidence: tutor.confidence,
      tutor_metrics: tutor.metrics,
      tutor_reasons: tutor.reasons,
      student_status_suggestion: only.status_suggestion,
      student_confidence: only.confidence,
      student_metrics: only.metrics,
      student_reasons: only.reasons,
      students,
    };
  },
});

function shown(suggestion: Suggestion | undefined) {
  if (suggestion === undefined) {
    return { status_suggestion: null, confidence: null, metrics: null, reasons: null };
  }
  const { latenessMinutes, engagementPercentage, activeMinutes } = suggestion;
  return {
    status_suggestion: suggestion.status,
    confidence: suggestion.confidence,
    metrics: {
      lateness_minutes: latenessMinutes,
      engagement_percentage: engagementPercentage,
      active_minutes: activeMinutes,
    },
    reasons: suggestion.reasons,
  };
}
