/** A discipline: one course at each NQF level from 5 to 10, each building on the one before. */
export interface Discipline {
  readonly code: string;
  readonly name: string;
  /** The courses' titles at NQF 5, 6, 7, 8, 9 and 10. */
  readonly titles: readonly [string, string, string, string, string, string];
}

/** Credits of a course at NQF 5 to 10: semester courses first, then a research masters and a doctorate. */
export const CREDITS = [12, 16, 24, 30, 180, 360] as const;

export const DISCIPLINES: readonly Discipline[] = [
  {
    code: 'CSC',
    name: 'Computer Science',
    titles: [
      'Introduction to Programming',
      'Data Structures and Algorithms',
      'Operating Systems and Networks',
      'Distributed Systems',
      'Computer Science: Masters Dissertation',
      'Computer Science: Doctoral Thesis',
    ],
  },
  {
    code: 'MAT',
    name: 'Mathematical Sciences',
    titles: [
      'Calculus and Linear Algebra',
      'Multivariable Calculus and Probability',
      'Real Analysis and Abstract Algebra',
      'Functional Analysis and Topology',
      'Mathematical Sciences: Masters Dissertation',
      'Mathematical Sciences: Doctoral Thesis',
    ],
  },
  {
    code: 'ENG',
    name: 'Engineering',
    titles: [
      'Engineering Mechanics and Drawing',
      'Circuits and Materials',
      'Control Systems and Design Project',
      'Advanced Systems Engineering',
      'Engineering: Masters Dissertation',
      'Engineering: Doctoral Thesis',
    ],
  },
  {
    code: 'COM',
    name: 'Commerce',
    titles: [
      'Principles of Accounting and Economics',
      'Financial Accounting and Microeconomics',
      'Corporate Finance and Auditing',
      'Advanced Financial Management',
      'Commerce: Masters Dissertation',
      'Commerce: Doctoral Thesis',
    ],
  },
  {
    code: 'EDU',
    name: 'Education',
    titles: [
      'Foundations of Education',
      'Curriculum and Assessment',
      'Teaching Practice and Inclusive Education',
      'Educational Leadership',
      'Education: Masters Dissertation',
      'Education: Doctoral Thesis',
    ],
  },
  {
    code: 'LAW',
    name: 'Law',
    titles: [
      'Introduction to Law and Legal Skills',
      'Constitutional Law and the Law of Persons',
      'Contract, Delict and Criminal Law',
      'Jurisprudence and Civil Procedure',
      'Law: Masters Dissertation',
      'Law: Doctoral Thesis',
    ],
  },
  {
    code: 'HSC',
    name: 'Health Sciences',
    titles: [
      'Anatomy and Physiology',
      'Microbiology and Pharmacology',
      'Community Health and Clinical Practice',
      'Epidemiology and Public Health',
      'Health Sciences: Masters Dissertation',
      'Health Sciences: Doctoral Thesis',
    ],
  },
];
