import type { Grade } from '../levels.ts';

/** A school subject: taught in every grade of its range, one course a grade. */
export interface SchoolSubject {
  readonly code: string;
  readonly name: string;
  readonly from: Grade;
  readonly to: Grade;
}

/** The school subjects and their grades, after the national curriculum (CAPS) of South Africa. */
export const SCHOOL_SUBJECTS: readonly SchoolSubject[] = [
  { code: 'HL', name: 'Home Language', from: 'R', to: '12' },
  { code: 'FAL', name: 'First Additional Language', from: '1', to: '12' },
  { code: 'MATH', name: 'Mathematics', from: 'R', to: '12' },
  { code: 'LS', name: 'Life Skills', from: 'R', to: '6' },
  { code: 'NST', name: 'Natural Sciences and Technology', from: '4', to: '6' },
  { code: 'SS', name: 'Social Sciences', from: '4', to: '9' },
  { code: 'NS', name: 'Natural Sciences', from: '7', to: '9' },
  { code: 'TECH', name: 'Technology', from: '7', to: '9' },
  { code: 'EMS', name: 'Economic and Management Sciences', from: '7', to: '9' },
  { code: 'CA', name: 'Creative Arts', from: '7', to: '9' },
  { code: 'LO', name: 'Life Orientation', from: '7', to: '12' },
  { code: 'MLIT', name: 'Mathematical Literacy', from: '10', to: '12' },
  { code: 'PHSC', name: 'Physical Sciences', from: '10', to: '12' },
  { code: 'LFSC', name: 'Life Sciences', from: '10', to: '12' },
  { code: 'GEOG', name: 'Geography', from: '10', to: '12' },
  { code: 'HIST', name: 'History', from: '10', to: '12' },
  { code: 'ACC', name: 'Accounting', from: '10', to: '12' },
  { code: 'BSTD', name: 'Business Studies', from: '10', to: '12' },
  { code: 'ECON', name: 'Economics', from: '10', to: '12' },
  { code: 'IT', name: 'Information Technology', from: '10', to: '12' },
];
