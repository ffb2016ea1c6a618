import { capabilityRoutes } from './framewright/capability-routes.ts'
import { conversionRoutes } from './framewright/conversion-routes.ts'
import { eventRoutes } from './framewright/event-routes.ts'
import { fileRoutes } from './framewright/file-routes.ts'
import { operationRoutes } from './framewright/operation-routes.ts'
import { recordRoutes } from './framewright/record-routes.ts'
import { nativeTaskRoutes } from './framewright/task-routes.ts'
import type { Route } from './http/route.ts'
import { openaiEditRoutes } from './openai/edit-routes.ts'
import { openaiModelRoutes } from './openai/model-routes.ts'
import { openaiVideoRoutes } from './openai/video-routes.ts'
import { organizationRoutes } from './runway/organization-routes.ts'
import { taskRoutes } from './runway/task-routes.ts'
import { uploadRoutes } from './runway/upload-routes.ts'
import { videoRoutes } from './runway/video-routes.ts'
import type { Services } from './services.ts'
import { pageRoutes } from './studio/page-routes.ts'
import { webhookRoutes } from './webhooks/webhook-routes.ts'

/** Every endpoint there is, in the order of the documents. */
export function allRoutes(services: Services, secret: Buffer): readonly Route[] {
  const routes: readonly Route[] = [
    ...videoRoutes(services),
    ...taskRoutes(services),
    ...uploadRoutes(services),
    ...organizationRoutes(services),
    ...openaiVideoRoutes(services),
    ...openaiEditRoutes(services),
    ...openaiModelRoutes(services),
    ...eventRoutes(services),
    ...nativeTaskRoutes(services),
    ...capabilityRoutes(services),
    ...recordRoutes(services),
    ...fileRoutes(services),
    ...conversionRoutes(services),
    ...webhookRoutes(secret),
    ...pageRoutes(services),
    ...operationRoutes(services, () => routes),
  ]
  return routes
}
