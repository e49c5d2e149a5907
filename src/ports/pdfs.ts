/** What a structural check found; `refusal` absent means the PDF is admitted as it is. */
export interface PdfVerdict {
  readonly pages: number
  readonly refusal?: {
    readonly code: 'file.broken' | 'file.encrypted' | 'file.active' | 'file.pages' | 'file.too-complex'
    /** Which rule, such as `OpenAction` or `objects`: a name of the check's own list, never text of the file. */
    readonly rule: string
  }
}

/**
 * The structural check of a PDF, isolated from this process: it may be killed for memory or time, and then the answer is a
 * refusal, never a hang.
 */
export interface Pdfs extends AsyncDisposable {
  check(unverified: Uint8Array, signal: AbortSignal): Promise<PdfVerdict>
}
