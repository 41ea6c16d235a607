import { type DescFile, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { Health } from '@tally/proto/grpc/health';

import type { BoundService } from './handler.ts';

/** Adds gRPC reflection, with which tools such as grpcurl ask for the services and messages of a server. */
export function addReflection(server: Server, services: readonly BoundService[]): void {
  const files = new Map<string, Buffer>();
  // The health package's own descriptor leaves type names unqualified, which strict tools do not accept.
  for (const desc of [...services.map((service) => service.desc), Health]) collect(desc.file, files);
  const fileDescriptorProtos = [...files.values()];
  // ReflectionService takes a package definition of proto-loader, from which it reads nothing but these files.
  const everything = { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos } as const;
  new ReflectionService({ all: everything }).addToServer(server);
}

function collect(file: DescFile, into: Map<string, Buffer>): void {
  if (into.has(file.proto.name)) return;
  into.set(file.proto.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
  for (const dependency of file.dependencies) collect(dependency, into);
}
